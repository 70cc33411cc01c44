/**
 * Where else heads of this log are shown: at its public URL, and by its witnesses (c2sp.org/tlog-witness, "Monitor Retrieval
 * Mechanism"). What they show with this log's signature was signed, whatever the data directory and its guard say.
 */
import { RemoteRefusedError } from "../../client/errors.ts";
import { type FetchFunction, openFetcher } from "../../client/fetcher.ts";
import { TlogError } from "../errors.ts";
import { openCheckpoint, parseCheckpoint } from "../tlog/checkpoint.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { ED25519, formatVerifierKey } from "../tlog/key.ts";
import { currentKeys } from "../tlog/key-history.ts";
import { MAX_NOTE_BYTES, parseNote } from "../tlog/note.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { OwnKeys } from "./own-keys.ts";
import type { ReachableWitness, WitnessOptions } from "./witness-options.ts";

/** The log's own public places, as an operator says them. */
export interface ServedPlaces {
  /** Each shows the log, or a copy of what it published: `<url>/checkpoint`. */
  readonly urls: readonly string[];
  /** Default: the global fetch. */
  readonly fetch?: FetchFunction | undefined;
  /** Longest time for one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How often they are looked at while the log is open, in milliseconds. */
  readonly intervalMs: number;
}

export const DEFAULT_SERVED: Pick<ServedPlaces, "timeoutMs" | "intervalMs"> = Object.freeze({
  timeoutMs: 5_000,
  intervalMs: 10_000,
});

/** A start waits for these answers: a witness may have longer than that for cosignatures, and not for this. */
const MAX_ASKING_MS = 5_000;

export interface HeadSource {
  readonly url: string;
  /** Below `url`. */
  readonly path: string;
  /** It shows what readers of the log see; else what one witness cosigned. */
  readonly isServed: boolean;
  /** Of a witness: what the policy calls it, once for each of its keys. */
  readonly names: readonly string[];
  readonly fetch: FetchFunction | undefined;
  readonly timeoutMs: number;
}

/** A head with this log's verified signature. */
export interface ShownHead {
  /** Of the place, without the path. */
  readonly url: string;
  /** The whole URL, for people. */
  readonly source: string;
  readonly isServed: boolean;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly extensions: readonly string[];
  /** None of the log's keys as they are now signed it, or a thief may have: what does not fit is told, and stops nothing. */
  readonly isDoubtful: boolean;
}

export interface AskedSources {
  readonly shown: readonly ShownHead[];
  /** Who said nothing, or nothing of this log, and why. */
  readonly silent: readonly { readonly source: string; readonly message: string }[];
  /** Witnesses that show no checkpoint of the log, or none of any log. */
  readonly empty: readonly HeadSource[];
}

/** Which log it is, and by which keys its heads are known. */
export interface OwnLog {
  readonly origin: string;
  readonly keys: Pick<OwnKeys, "at" | "history">;
  /** Somebody else has the keys. */
  readonly isKeyLeaked: boolean;
}

/** A witness that cosigned nothing of the log yet, or offers no monitoring, says one of these. */
const NOTHING_TO_SHOW = [404, 405];

/** @throws {TlogError} ARGUMENT_INVALID (a URL nobody can ask) */
export function headSources(
  { origin }: Pick<OwnLog, "origin">,
  from: {
    readonly served?: ServedPlaces | undefined;
    readonly witnesses?: WitnessOptions | undefined;
    readonly reachable: readonly ReachableWitness[];
  },
): readonly HeadSource[] {
  const { served, witnesses, reachable } = from;
  const own = (served?.urls ?? []).map((url) => ({
    url,
    path: "checkpoint",
    isServed: true,
    names: [],
    fetch: served?.fetch,
    timeoutMs: served?.timeoutMs ?? 0,
  }));
  const path = `${originHash(origin)}/checkpoint`;
  const byWitnesses = reachable.map((witness) => ({
    url: witness.url,
    path,
    isServed: false,
    names: reachable.filter(({ url }) => url === witness.url).map(({ name }) => name),
    fetch: witnesses?.fetchFor?.(witness),
    timeoutMs: Math.min(witnesses?.timeoutMs ?? 0, MAX_ASKING_MS),
  }));
  // Several keys of one witness stand in a policy with one URL.
  const sources = new Map([...own, ...byWitnesses].map((source) => [sourceName(source), source]));
  for (const { url } of sources.values()) openFetcher(url);
  return [...sources.values()];
}

/** Asks all at once, each once. @throws {TlogError} ABORTED */
export async function askSources(
  sources: readonly HeadSource[],
  own: OwnLog,
  signal: AbortSignal,
): Promise<AskedSources> {
  const shown: ShownHead[] = [];
  const silent: { source: string; message: string }[] = [];
  const empty: HeadSource[] = [];
  const ask = async (source: HeadSource): Promise<void> => {
    try {
      const head = await shownBy(source, own, signal);
      if (head === undefined) empty.push(source);
      else shown.push(head);
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      // Some failures name the place themselves.
      const name = sourceName(source);
      silent.push({ source: name, message: error.message.replace(`${name}: `, "") });
    }
  };
  await Promise.all(sources.map(ask));
  return { shown, silent, empty };
}

export function sourceName({ url, path }: Pick<HeadSource, "url" | "path">): string {
  return `${url.replace(/\/$/, "")}/${path}`;
}

async function shownBy(
  source: HeadSource,
  { origin, keys, isKeyLeaked }: OwnLog,
  signal: AbortSignal,
): Promise<ShownHead | undefined> {
  const signedNote = await noteAt(source, signal);
  if (signedNote === undefined) return undefined;
  // Every checkpoint of a log has its Ed25519 signature, and what others added beside it is not this log's word.
  const { treeSize: claimed } = parseCheckpoint(decodeUtf8(parseNote(signedNote).text));
  // A key that was replaced says nothing of larger trees: whoever has it cannot stop the log.
  const logKeys = keys.at(claimed).filter(({ type }) => type === ED25519);
  const opened = await openCheckpoint({
    signedNote,
    logKeys,
    expectedOrigin: origin,
  });
  const { treeSize, rootHash, extensions } = opened;
  const { url, isServed } = source;
  const current = keys.history === undefined ? logKeys : currentKeys(keys.history);
  const isCurrent = current.map(formatVerifierKey).some((vkey) => opened.logKeys.includes(vkey));
  const isDoubtful = isKeyLeaked || !isCurrent;
  return { url, source: sourceName(source), isServed, treeSize, rootHash, extensions, isDoubtful };
}

async function noteAt(
  { url, path, isServed, fetch, timeoutMs }: HeadSource,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const fetcher = openFetcher(url, {
    ...(fetch !== undefined && { fetch }),
    timeoutMs,
    retry: { maxAttempts: 1 },
  });
  try {
    return (await fetcher.request({ path, maxBytes: MAX_NOTE_BYTES, signal })).body;
  } catch (error) {
    const isNothing = error instanceof RemoteRefusedError && NOTHING_TO_SHOW.includes(error.status);
    if (isNothing && !isServed) return undefined;
    throw error;
  }
}
