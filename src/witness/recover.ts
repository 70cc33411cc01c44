/**
 * A witness's own signatures, met elsewhere. Each is proof of what it once signed, whatever its store says: one beyond the
 * store means that the store was restored from an older copy, or that somebody else signs with the key.
 */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { sleepOnTimer } from "../../client/waiting.ts";
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeTimestampedSignature } from "../tlog/cosignature.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { ED25519, type VerifierKey, verifierFor } from "../tlog/key.ts";
import { type Note, parseNote, verifyNote } from "../tlog/note.ts";
import {
  fetchNote,
  type HeadPlace,
  logPlaces,
  type PeerWitness,
  peerPlace,
  sourceOf,
} from "./head-places.ts";
import type { WitnessedLog } from "./witness.ts";

/** A valid cosignature of the witness itself. */
export interface OwnSignature {
  readonly origin: string;
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** POSIX seconds. */
  readonly timestampSeconds: number;
  /** The note it was on, verbatim: what else is on it is not verified. */
  readonly signedNote: Uint8Array;
  /** Where it was met: a URL. */
  readonly source: string;
}

export interface OwnSignatureSearch {
  readonly logs: readonly WitnessedLog[];
  readonly peers: readonly PeerWitness[];
  /** Types 0x04 and 0x06. */
  readonly ownKeys: readonly VerifierKey[];
  /** Longest time in all, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  readonly network?: FetcherOptions;
  readonly mlDsa44?: MlDsa44;
}

/** What a search came to. */
export interface FoundOwnSignatures {
  /** All that were met, whether or not the store knows better. */
  readonly found: readonly OwnSignature[];
  /** Hosts that did not answer, or not for every log: what they show is not known. */
  readonly silent: readonly { readonly host: string; readonly message: string }[];
}

const MAX_HOSTS_AT_ONCE = 64;
const MAX_REQUESTS_PER_HOST = 4;
/** A host that does not answer so many requests in a row is asked no more. */
const MAX_FAILURES_IN_A_ROW = 4;

/**
 * Asks the logs and the peers for their checkpoints and picks out the witness's own cosignatures: to be done before anything
 * is cosigned. Who does not answer in time is named, and waited for no longer.
 */
export async function findOwnSignatures(search: OwnSignatureSearch): Promise<FoundOwnSignatures> {
  const { logs, peers, network = {}, timeoutMs = 10_000 } = search;
  const places = logs.flatMap((log) => [
    ...logPlaces(log),
    ...peers.map((peer) => peerPlace(peer, log.origin)),
  ]);
  const found: OwnSignature[] = [];
  const look = async (place: HeadPlace, signal: AbortSignal): Promise<void> => {
    const signedNote = await fetchNote(place, { network, signal });
    const own =
      signedNote && (await ownSignature({ ...search, ...place, signedNote, source: sourceOf(place) }));
    if (own !== undefined) found.push(own);
  };
  const silent: { host: string; message: string }[] = [];
  const limit = new AbortController();
  // Ends with the search: the abort below wakes it up.
  void (network.sleep ?? sleepOnTimer)(timeoutMs, limit.signal).then(() => limit.abort());
  await inParallel([...byHost(places)], MAX_HOSTS_AT_ONCE, async ([host, ofHost]) => {
    const message = await askHost(ofHost, (place) => look(place, limit.signal), limit.signal);
    if (message !== undefined) silent.push({ host, message });
  });
  limit.abort();
  return { found, silent };
}

/**
 * The newest valid cosignature of `ownKeys` on a note about `origin`; undefined when there is none. Each key is tried by
 * itself: a bad line of one key must not hide a good one of another.
 */
export async function ownSignature(args: {
  readonly origin: string;
  /** As it came from anywhere. */
  readonly signedNote: Uint8Array;
  readonly source: string;
  readonly ownKeys: readonly VerifierKey[];
  readonly mlDsa44?: MlDsa44;
}): Promise<OwnSignature | undefined> {
  const { origin, signedNote, source, ownKeys, mlDsa44 } = args;
  const note = orUndefined(() => parseNote(signedNote));
  const checkpoint = note && orUndefined(() => parseCheckpoint(decodeUtf8(note.text)));
  if (note === undefined || checkpoint?.origin !== origin) return undefined;
  const options = mlDsa44 === undefined ? {} : { mlDsa44 };
  const times = await Promise.all(ownKeys.map((key) => cosignedAt(note, key, options)));
  const known = times.filter((time) => time !== undefined);
  if (known.length === 0) return undefined;
  const { treeSize, rootHash } = checkpoint;
  return { origin, treeSize, rootHash, timestampSeconds: Math.max(...known), signedNote, source };
}

/** When this key cosigned the note, in POSIX seconds; undefined when it did not, or its line does not verify. */
export async function cosignedAt(
  note: Note,
  key: VerifierKey,
  options: { readonly mlDsa44?: MlDsa44 },
): Promise<number | undefined> {
  const { type } = key;
  if (type === ED25519) return undefined;
  try {
    const { verified } = await verifyNote(note, [verifierFor(key, options)]);
    const [time] = verified.map(({ signature }) => decodeTimestampedSignature(type, signature.payload));
    return time?.timestampSeconds;
  } catch (error) {
    if (error instanceof TlogError && error.code !== "CRYPTO_BUSY") return undefined;
    throw error;
  }
}

/** @returns what was not seen and why; undefined when everything was. */
async function askHost(
  places: readonly HeadPlace[],
  look: (place: HeadPlace) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let failuresInARow = 0;
  let unseen = 0;
  let reason = "the time was over";
  await inParallel(places, MAX_REQUESTS_PER_HOST, async (place) => {
    if (signal.aborted || failuresInARow >= MAX_FAILURES_IN_A_ROW) {
      unseen += 1;
      return;
    }
    try {
      await look(place);
      failuresInARow = 0;
    } catch (error) {
      failuresInARow += 1;
      unseen += 1;
      if (!(error instanceof TlogError)) throw error;
      if (!signal.aborted) reason = error.message;
    }
  });
  return unseen === 0 ? undefined : `${unseen} of ${places.length} checkpoints were not seen: ${reason}`;
}

function byHost(places: readonly HeadPlace[]): ReadonlyMap<string, readonly HeadPlace[]> {
  const hosts = new Map<string, HeadPlace[]>();
  for (const place of places) {
    const host = URL.canParse(place.url) ? new URL(place.url).origin : place.url;
    const others = hosts.get(host);
    if (others === undefined) hosts.set(host, [place]);
    else others.push(place);
  }
  return hosts;
}

async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
