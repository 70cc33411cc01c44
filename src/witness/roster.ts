/** Which logs a witness cosigns for, from three places: its settings, its operator's file, and public lists. */
import { TlogError } from "../errors.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { ED25519, keyLabel, type VerifierKey } from "../tlog/key.ts";
import { MAX_QUERIES_PER_DAY } from "../tlog/log-list.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { Roster, WitnessedLog } from "./witness.ts";

/** Most logs of each source: whatever lists hold, the operator's own find room. */
export const MAX_ROSTER_LOGS = 100_000;
const MAX_KEYS_OF_LOG = 16;
const MAX_URLS_OF_LOG = 16;
/** What the store keeps of a name. spec/storage.md */
const MAX_ORIGIN_BYTES = 255;
const MAX_URL_CHARS = 2048;

/** "settings": flags, environment and configuration; "operator": the witness's own file; "list": a public list. */
export type LogSource = "settings" | "operator" | "list";

/** A log as one of the sources has it. */
export interface RosterEntry extends WitnessedLog {
  /** The list it came from, when it came from one. */
  readonly listUrl?: string;
  /** Who to ask about it, as that list says. */
  readonly contact?: string;
}

export interface RosterLog extends RosterEntry {
  readonly source: LogSource;
}

/** What the sources hold. */
export interface RosterSources {
  readonly settings: readonly RosterEntry[];
  readonly operator: readonly RosterEntry[];
  readonly listed: readonly RosterEntry[];
}

export interface RosterOwner {
  /** The witness's: no log may have it. Undefined: not known yet. */
  readonly name: string | undefined;
  /** The witness's public keys: no log may sign with one of them, or it could make the witness's cosignatures. */
  readonly ownKeys?: readonly Uint8Array[];
}

export interface OpenRoster extends Roster {
  find(origin: string): RosterLog | undefined;
  findByHash(originHash: string): RosterLog | undefined;
  logs(): readonly RosterLog[];
  readonly sources: RosterSources;
  /** Puts other sources in place, all at once. @throws {TlogError} ROSTER_INVALID, and then nothing has changed */
  replace(sources: Partial<RosterSources>): void;
}

/**
 * Opens a roster; lookups take the same time however many logs there are.
 *
 * A log that several sources have is the operator's, then the settings', then the list's. Keys are never mixed silently: the
 * settings may repeat keys of the operator's file, not bring others.
 * @throws {TlogError} ROSTER_INVALID
 */
export function openRoster({
  owner,
  sources,
}: {
  readonly owner: RosterOwner;
  readonly sources: RosterSources;
}): OpenRoster {
  let current = snapshotOf(owner, sources); // owned by replace()
  return {
    find: (origin) => current.byOrigin.get(origin),
    findByHash: (hash) => current.byHash.get(hash),
    logs: () => current.logs,
    get sources() {
      return current.sources;
    },
    replace(next) {
      current = snapshotOf(owner, { ...current.sources, ...next });
    },
  };
}

/** @throws {TlogError} ROSTER_INVALID for a log this witness cannot have. */
export function assertRosterEntry(entry: RosterEntry, owner: RosterOwner): void {
  const { origin, logKeys, urls, queriesPerDay } = entry;
  if (origin === owner.name) throw invalid(origin, "is named as the witness is");
  if (origin === "" || encodeUtf8(origin).length > MAX_ORIGIN_BYTES || /\p{Cc}/u.test(origin)) {
    throw invalid(origin.slice(0, 80), `want an origin of 1 to ${MAX_ORIGIN_BYTES} bytes on one line`);
  }
  assertLogKeys(origin, logKeys, owner.ownKeys ?? []);
  if (urls.length > MAX_URLS_OF_LOG) throw invalid(origin, `want at most ${MAX_URLS_OF_LOG} URLs`);
  for (const url of urls) assertLogUrl(origin, url);
  if (queriesPerDay === undefined) return;
  if (!Number.isSafeInteger(queriesPerDay) || queriesPerDay < 1 || queriesPerDay > MAX_QUERIES_PER_DAY) {
    throw invalid(origin, `want 1 to ${MAX_QUERIES_PER_DAY} queries a day, got ${queriesPerDay}`);
  }
}

function assertLogKeys(
  origin: string,
  logKeys: readonly VerifierKey[],
  ownKeys: readonly Uint8Array[],
): void {
  if (logKeys.length < 1 || logKeys.length > MAX_KEYS_OF_LOG) {
    throw invalid(origin, `want 1 to ${MAX_KEYS_OF_LOG} keys, got ${logKeys.length}`);
  }
  const known = new Set<string>();
  const own = new Set(ownKeys.map(encodeHex));
  for (const key of logKeys) {
    const hex = encodeHex(key.publicKey);
    if (key.type !== ED25519 && key.type !== ML_DSA_44) {
      throw invalid(origin, `want keys of type 1 or 6, got ${key.type} (${keyLabel(key)})`);
    }
    if (known.has(hex)) throw invalid(origin, `the key ${keyLabel(key)} stands there twice`);
    // A cosignature/v1 message does not name its cosigner, so such a log could be made to cosign for others.
    if (own.has(hex)) throw invalid(origin, `${keyLabel(key)} is the witness's own key`);
    known.add(hex);
  }
}

function assertLogUrl(origin: string, url: string): void {
  const parsed = url.length <= MAX_URL_CHARS && URL.canParse(url) ? new URL(url) : undefined;
  const isPlain =
    parsed !== undefined &&
    ["http:", "https:"].includes(parsed.protocol) &&
    `${parsed.search}${parsed.hash}${parsed.username}${parsed.password}` === "";
  // Not quoted: it may hold a password.
  if (!isPlain) throw invalid(origin, "want http(s) URLs without credentials, query or fragment");
}

interface Snapshot {
  readonly sources: RosterSources;
  readonly logs: readonly RosterLog[];
  readonly byOrigin: ReadonlyMap<string, RosterLog>;
  readonly byHash: ReadonlyMap<string, RosterLog>;
}

function snapshotOf(owner: RosterOwner, sources: RosterSources): Snapshot {
  const { settings, operator, listed } = sources;
  const most = Math.max(settings.length, operator.length, listed.length);
  if (most > MAX_ROSTER_LOGS) {
    throw new TlogError("ROSTER_INVALID", `want at most ${MAX_ROSTER_LOGS} logs of one source, got ${most}`);
  }
  for (const entry of [...settings, ...operator, ...listed]) assertRosterEntry(entry, owner);
  const byOrigin = new Map<string, RosterLog>();
  for (const entry of operator) addOnce(byOrigin, { ...entry, source: "operator" });
  for (const entry of settings) {
    const known = byOrigin.get(entry.origin);
    if (known?.source === "operator") byOrigin.set(entry.origin, withSettings(known, entry));
    else addOnce(byOrigin, { ...entry, source: "settings" });
  }
  for (const entry of listed) {
    if (!byOrigin.has(entry.origin)) byOrigin.set(entry.origin, { ...entry, source: "list" });
  }
  const logs = [...byOrigin.values()];
  return { sources, logs, byOrigin, byHash: new Map(logs.map((log) => [originHash(log.origin), log])) };
}

function addOnce(byOrigin: Map<string, RosterLog>, log: RosterLog): void {
  if (byOrigin.has(log.origin)) throw invalid(log.origin, "stands there twice");
  byOrigin.set(log.origin, log);
}

/** The operator's log, read also where the settings say. */
function withSettings(log: RosterLog, given: RosterEntry): RosterLog {
  const known = new Set(log.logKeys.map(({ publicKey }) => encodeHex(publicKey)));
  const other = given.logKeys.find(({ publicKey }) => !known.has(encodeHex(publicKey)));
  if (other !== undefined) {
    throw invalid(
      log.origin,
      `the settings name the key ${keyLabel(other)}, the witness's file does not: add it with add-log --add-key, if it is the log's`,
    );
  }
  return { ...log, urls: [...new Set([...log.urls, ...given.urls])] };
}

function invalid(origin: string, reason: string): TlogError {
  return new TlogError("ROSTER_INVALID", `log ${JSON.stringify(origin)}: ${reason}`);
}
