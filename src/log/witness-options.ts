import type { FetchFunction } from "../../client/fetcher.ts";
import { openWitnessClient } from "../../client/witness-client.ts";
import { TlogError } from "../errors.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import type { MlDsaOptions, NoteSigner, VerifierKey } from "../tlog/key.ts";
import { MAX_NOTE_BYTES } from "../tlog/note.ts";
import { isQuorumMet, type Policy, type PolicyWitness, parsePolicy, showOctets } from "../tlog/policy.ts";

/** "strict": readers see no checkpoint without a quorum. "best-effort": without one in time, they see it all the same. */
export type QuorumMode = "strict" | "best-effort";

/** Which witnesses a log asks, and how. */
export interface WitnessOptions extends MlDsaOptions {
  /** Its log lines hold a key of this log; its witnesses with URLs can be a quorum. */
  readonly policy: Policy;
  readonly mode: QuorumMode;
  /** How requests to a witness are made; undefined: as by the global fetch. */
  readonly fetchFor?: ((witness: PolicyWitness) => FetchFunction | undefined) | undefined;
  /** Longest time for one answer of a witness, in milliseconds, up to a minute. A checkpoint takes one, and after a 409 up to three. */
  readonly timeoutMs: number;
  /** How old cosignatures of an idle log grow before they are asked for again, in milliseconds. */
  readonly refreshIntervalMs: number;
  /** How long they may take for the last head of a log that closes, in milliseconds. */
  readonly closingMs: number;
  /** How long a witness that failed, or a quorum that was missed, is left alone: doubles up to the maximum. */
  readonly backoff: { readonly firstDelayMs: number; readonly maxDelayMs: number };
  /** Milliseconds since 1970, to compare with what witnesses state. */
  readonly clock: () => number;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
}

/** A witness that can be asked. */
export interface ReachableWitness extends PolicyWitness {
  readonly url: string;
}

/** Which witnesses a log asks, as an embedding program says it. */
export interface LogWitnesses extends Partial<Pick<WitnessOptions, "mode" | "fetchFor" | "mlDsa44">> {
  /** C2SP tlog-policy: a file's bytes, its text, or parsed. One log line holds this log's key; witnesses with a URL are asked. */
  readonly policy: Policy | Uint8Array | string;
  /** Default 5,000. See {@link WitnessOptions}. */
  readonly timeoutMs?: number | undefined;
  /** Default 300,000. */
  readonly refreshIntervalMs?: number | undefined;
}

/** How often a log publishes at most when it has to ask witnesses: theirs is a shared machine. */
export const WITNESSED_INTERVAL_MS = 1_000;

export const DEFAULT_WITNESS_BACKOFF: WitnessOptions["backoff"] = Object.freeze({
  firstDelayMs: 1_000,
  maxDelayMs: 30_000,
});

/** The options with their defaults. @throws {TlogError} POLICY_MALFORMED */
export function witnessOptions(given: LogWitnesses): WitnessOptions {
  const { policy } = given;
  return {
    policy: typeof policy === "string" || policy instanceof Uint8Array ? parsePolicy(policy) : policy,
    mode: given.mode ?? "strict",
    fetchFor: given.fetchFor,
    ...(given.mlDsa44 !== undefined && { mlDsa44: given.mlDsa44 }),
    timeoutMs: given.timeoutMs ?? 5_000,
    refreshIntervalMs: given.refreshIntervalMs ?? 300_000,
    closingMs: 3_000,
    backoff: DEFAULT_WITNESS_BACKOFF,
    clock: Date.now,
    random: Math.random,
  };
}

/** A witness that hangs holds up its own next answer, and what only it can decide. */
const MAX_TIMEOUT_MS = 60_000;
/** What setTimeout can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** For the text and the log's own signatures. */
const OWN_NOTE_BYTES = 16 * 1024;
const MAX_COSIGNATURES = 90;
/** A cosignature line without its name: key ID, time and signature in base64, rounded up. */
const LINE_BYTES = { ed25519: 160, mlDsa44: 3_300 };

/**
 * Checks what a caller may have got wrong, before anything is written.
 * @returns the witnesses with a URL.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function checkedWitnesses(
  { policy, timeoutMs, refreshIntervalMs }: WitnessOptions,
  signers: readonly NoteSigner[],
): readonly ReachableWitness[] {
  assertTime("witnesses.timeoutMs", timeoutMs, MAX_TIMEOUT_MS);
  assertTime("witnesses.refreshIntervalMs", refreshIntervalMs, MAX_TIMER_MS);
  const own = signers.map(({ verifierKey }) => verifierKey);
  if (!policy.logs.some(({ key }) => own.some((ownKey) => isSameKey(key, ownKey)))) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `policy: want a log line with the key of ${own[0]?.name}, got ${policy.logs.map(({ key }) => key.name).join(", ") || "none"}`,
    );
  }
  const reachable = policy.witnesses.flatMap(({ url, ...witness }) =>
    url === undefined ? [] : [{ ...witness, url: showOctets(url) }],
  );
  const names = reachable.map(({ name }) => name);
  if (!isQuorumMet(policy, names)) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `policy: the witnesses with a URL (${names.map(showOctets).join(", ") || "none"}) can never be the quorum ${showOctets(policy.quorum)}`,
    );
  }
  for (const { url } of reachable) openWitnessClient({ url }); // a URL nobody can ask
  assertFits(reachable);
  return reachable;
}

/** A checkpoint with all cosignatures must be one that every reader takes. */
function assertFits(witnesses: readonly ReachableWitness[]): void {
  const bytes = witnesses.reduce((sum, { key }) => {
    return sum + 4 * key.name.length + (key.type === ML_DSA_44 ? LINE_BYTES.mlDsa44 : LINE_BYTES.ed25519);
  }, OWN_NOTE_BYTES);
  if (bytes <= MAX_NOTE_BYTES && witnesses.length <= MAX_COSIGNATURES) return;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `policy: ${witnesses.length} witnesses make a checkpoint of some ${bytes} bytes; want at most ${MAX_COSIGNATURES} and ${MAX_NOTE_BYTES}`,
  );
}

function assertTime(name: string, ms: number, maxMs: number): void {
  if (ms >= 1 && ms <= maxMs) return;
  throw new TlogError("ARGUMENT_INVALID", `${name}: want 1 to ${maxMs}, got ${ms}`);
}

function isSameKey(one: VerifierKey, other: VerifierKey): boolean {
  return one.name === other.name && one.type === other.type && bytesEqual(one.publicKey, other.publicKey);
}
