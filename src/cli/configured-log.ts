/** A log as the settings of a command describe it: what `serve` and `freeze` have in common. */
import { type Config, invocation } from "../config.ts";
import { withoutSecrets } from "../doctor/hidden.ts";
import { type LogEvents, shieldedWitness, type WitnessEvents, witnessHeardByAll } from "../events.ts";
import { KeyChangesMissingError } from "../keys/guard.ts";
import type { Log, LogLimits } from "../log/log.ts";
import {
  LogRolledBackError,
  type LogWitnesses,
  type NoteSigner,
  type OpenLogOptions,
  openGuardFile,
  openLog,
} from "../server.ts";
import type { SettingName } from "../settings.ts";
import { witnessLines } from "../telemetry/witness-lines.ts";
import type { Call } from "./command.ts";
import { reachableUrl, shellQuoted } from "./first-steps.ts";
import type { LocalWitnesses } from "./local-witnesses.ts";
import type { DataPaths } from "./serve-key.ts";
import { policyWitnesses, witnessSettings } from "./serve-witnesses.ts";
import { guardWaysOut, lineOptions, type WaysOut, withWaysOut } from "./serving.ts";

/** Where a log and its keys are. */
export const PLACE_SETTINGS: readonly SettingName[] = Object.freeze([
  "data",
  "origin",
  "key",
  "mlDsaKey",
  "formerKey",
  "formerMlDsaKey",
  "passphraseFile",
  "formerPassphraseFile",
  "guard",
]);

/** What a command that opens a log has at hand. */
export interface Opening {
  readonly config: Config;
  readonly paths: DataPaths;
  readonly signers: readonly NoteSigner[];
  readonly local: LocalWitnesses | undefined;
  readonly events: LogEvents;
  readonly isKeyLeaked?: boolean;
}

/**
 * Opens the log that the settings describe.
 * @param options.freeze - see OpenLogOptions, as of the others.
 * @throws {TlogError} as `openLog`, with what a person can do about it.
 */
export async function openConfiguredLog(
  { config, paths, signers, local, events, isKeyLeaked }: Opening,
  options: Pick<OpenLogOptions, "freeze" | "keyChange" | "scrub"> = {},
): Promise<Log> {
  const witnesses = await askedWitnesses({ config, signers, local });
  const checkpointIntervalMs = config.value("checkpointInterval");
  const urls = config.value("servedAt");
  try {
    return await openLog({
      directory: paths.data,
      signers,
      guard: await openGuardFile(paths.guard),
      duplicates: config.value("duplicates"),
      ...(checkpointIntervalMs !== undefined && { checkpointIntervalMs }),
      witnesses,
      limits: limitsOf(config),
      events,
      hasReaders: config.value("readers") > 0,
      recreateGuard: config.value("recreateGuard"),
      maxStoreBytes: config.value("maxDataBytes"),
      minFreeBytes: config.value("minFreeBytes"),
      served: urls && { urls },
      isKeyLeaked,
      ...options,
    });
  } catch (error) {
    const missing = error instanceof LogRolledBackError && error.shown.isServed ? error.shown.url : undefined;
    throw withWaysOut(error, waysOutOf(error, paths, missing));
  }
}

/** Those of --policy, else the local ones; local ones of either are asked without the network. */
async function askedWitnesses({
  config,
  signers,
  local,
}: Pick<Opening, "config" | "signers" | "local">): Promise<LogWitnesses | undefined> {
  const chosen = await policyWitnesses(config, { signers });
  if (local === undefined) return chosen;
  return { ...witnessSettings(config), ...local.asked, ...chosen };
}

/** Only what was set: the rest is the engine's to decide. */
function limitsOf(config: Config): Partial<LogLimits> {
  const names = ["maxEntryBytes", "maxBatchEntries", "maxPendingEntries", "maxPendingBytes"] as const;
  const limits: Partial<Record<(typeof names)[number], number>> = {};
  for (const name of names) {
    const value = config.value(name);
    if (value !== undefined) limits[name] = value;
  }
  return limits;
}

/** The witnesses of --local-witnesses, undefined when none are wanted. */
export async function localWitnesses(
  call: Call,
  {
    config,
    paths,
    signers,
    told = {},
  }: Pick<Opening, "config" | "paths" | "signers"> & { readonly told?: WitnessEvents | undefined },
): Promise<LocalWitnesses | undefined> {
  const count = config.value("localWitnesses");
  if (count === 0) return undefined;
  const { host, port } = config.value("listen");
  const { openLocalWitnesses } = await import("./local-witnesses.ts");
  return await openLocalWitnesses({
    count,
    data: paths.data,
    logKeys: signers.map(({ verifierKey }) => verifierKey),
    url: reachableUrl(
      `${config.value("tlsCert") === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ),
    events: shieldedWitness(witnessHeardByAll(told, witnessLines(lineOptions(call, config)))),
  });
}

/** What to do where a log does not start because of this error, by the code. @param whole - who shows all of the log. */
export function waysOutOf(error: unknown, paths: DataPaths, whole?: string): WaysOut {
  return error instanceof KeyChangesMissingError ? keyChangesWaysOut(paths) : waysOut(paths, whole);
}

export function waysOut({ data, key, guard }: DataPaths, whole = "URL-OR-DIRECTORY"): WaysOut {
  const call = invocation().map(shellQuoted).join(" ");
  const places = [
    `--data ${shellQuoted(data)}`,
    `--key ${shellQuoted(withoutSecrets(key))}`,
    `--guard ${shellQuoted(guard)}`,
  ].join(" ");
  const goOn = [
    "bring back the newest data directory of this log, or",
    `fetch what is missing from a mirror or a static export of it, and start again: ${call} import ${shellQuoted(whole)} ${places}, or`,
  ];
  const retire = `retire the key: start a log with another name (${call} keygen --origin NEW-NAME --out NEW.key, then --data NEW --key NEW.key), and tell readers of this one`;
  const recreate =
    "only if you know for certain that no newer copy of this log has signed anything: --recreate-guard; with --served-at URL the log asks there, and its witnesses, before it believes it";
  const guardGone = [
    "bring the guard back, as new as the data, or point --guard at it, or",
    `${retire};`,
    recreate,
  ];
  return {
    ...guardWaysOut([
      ...goOn,
      "point --guard at the guard that belongs to this data directory, or",
      `${retire};`,
      recreate,
    ]),
    GUARD_MISSING: guardGone,
    GUARD_MALFORMED: guardGone,
    // No flag helps here: what others show with the log's signature was signed.
    LOG_ROLLED_BACK: [...goOn, retire],
    INCOMPLETE: [...goOn, retire],
    LOG_CONTRADICTED: [
      "this directory and what is shown cannot both be continued: end whichever server runs on the other, keep the one that your readers and witnesses saw, never open this one again, or",
      retire,
    ],
    KEY_RETIRED: [
      `start with the key that took its place: --key NEW; --former-key ${shellQuoted(withoutSecrets(key))} beside it lets this one sign too, for readers who know no other`,
    ],
    STORE_ORIGIN_MISMATCH: [
      "use the key this log was made with (--key), or",
      "choose another --data for another log",
    ],
  };
}

/**
 * What to do where a directory lacks a change of the log's keys. No --recreate-guard: a key that was replaced would sign again. The old key leads
 * to all others, and a copy from before the change has no other signature.
 */
export function keyChangesWaysOut({ data, guard }: Pick<DataPaths, "data" | "guard">): WaysOut {
  const call = invocation().map(shellQuoted).join(" ");
  const places = `--data ${shellQuoted(data)} --guard ${shellQuoted(guard)}`;
  return {
    GUARD_AHEAD: [
      "bring back the newest data directory of this log, or",
      `fetch it, and what else is missing, from a mirror or a static export: ${call} import URL-OR-DIRECTORY --vkey OLD-VKEY --key-history FILE ${places}, and start with the new key. OLD-VKEY is the log's verifier key from before the change, FILE what GET /key-history of the log or any copy of it gives`,
    ],
  };
}
