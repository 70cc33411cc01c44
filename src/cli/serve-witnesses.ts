import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import type { LogWitnesses, NoteSigner } from "../server.ts";
import { flagName, type SettingName } from "../settings.ts";
import { formatVerifierKey, keyLabel } from "../tlog/key.ts";
import { MAX_POLICY_BYTES, type Policy, parsePolicy } from "../tlog/policy.ts";
import { lintPolicy } from "../tlog/policy-lint.ts";
import { readSmallFile } from "./files.ts";

/** The settings of `serve` that say which witnesses the log asks. */
export const WITNESS_SETTINGS: readonly SettingName[] = Object.freeze([
  "witnessPolicy",
  "quorumMode",
  "witnessTimeout",
  "witnessRefresh",
  "allowSharedParties",
]);

/**
 * Refuses settings of how witnesses are asked where there is nobody to ask: who set them meant to have some.
 * @throws {TlogError} CONFIG_INVALID
 */
export function assertWitnessesAsked(config: Config): void {
  if (config.source("witnessPolicy") !== undefined || config.value("localWitnesses") > 0) return;
  const [useless] = WITNESS_SETTINGS.flatMap((name) => config.source(name) ?? []);
  if (useless === undefined) return;
  throw new TlogError(
    "CONFIG_INVALID",
    `${useless} is about the witnesses this log asks, and it asks none; want ${flagName("witnessPolicy")} FILE, or ${flagName("localWitnesses")} N, beside it`,
  );
}

/**
 * The witnesses of --policy.
 * @returns undefined when none was given.
 * @throws {TlogError} CONFIG_INVALID (not this log's policy; one party counted twice) | POLICY_MALFORMED | FILE_UNREADABLE
 */
export async function policyWitnesses(
  config: Config,
  { signers }: { readonly signers: readonly NoteSigner[] },
): Promise<(LogWitnesses & { readonly policy: Policy }) | undefined> {
  const path = config.value("witnessPolicy");
  if (path === undefined) return undefined;
  const policy = await readPolicy(path);
  assertOwn(path, policy, signers);
  if (!config.value("allowSharedParties")) assertNobodyCountsTwice(path, policy);
  return { policy, ...witnessSettings(config) };
}

/** How witnesses are asked, whoever they are. */
export function witnessSettings(config: Config): Omit<LogWitnesses, "policy"> {
  return {
    mode: config.value("quorumMode"),
    timeoutMs: config.value("witnessTimeout"),
    refreshIntervalMs: config.value("witnessRefresh"),
  };
}

async function readPolicy(path: string): Promise<Policy> {
  const bytes = await readSmallFile(path, { maxBytes: MAX_POLICY_BYTES });
  try {
    return parsePolicy(bytes);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

function assertOwn(path: string, policy: Policy, signers: readonly NoteSigner[]): void {
  const own = signers.map(({ verifierKey }) => verifierKey);
  const labels = new Set(own.map(keyLabel));
  if (policy.logs.some(({ key }) => labels.has(keyLabel(key)))) return;
  const lines = own.map((key) => `\n  log ${formatVerifierKey(key)}`).join("");
  throw new TlogError(
    "CONFIG_INVALID",
    `${path}: nobody who keeps this policy would believe this log; it wants the line${lines}`,
  );
}

function assertNobodyCountsTwice(path: string, policy: Policy): void {
  const [found] = lintPolicy(policy).findings.filter(({ code }) => code === "PARTY_COUNTED_TWICE");
  if (found === undefined) return;
  throw new TlogError(
    "CONFIG_INVALID",
    `${path}: ${found.message}. Write instead:\n${found.fix}\nor, if that is meant, start with --allow-shared-parties`,
  );
}
