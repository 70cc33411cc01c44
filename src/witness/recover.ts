/**
 * A witness's own signatures, met elsewhere. Each is proof of what it once signed, whatever its store says: one beyond the
 * store means that the store was restored from an older copy, or that somebody else signs with the key.
 */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { sleepOnTimer } from "../../client/waiting.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeTimestampedSignature } from "../tlog/cosignature.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { ED25519, type MlDsaOptions, type VerifierKey } from "../tlog/key.ts";
import { formatNote, type Note, parseNote, type VerifiedSignature } from "../tlog/note.ts";
import { type AbortGroup, openAbortGroup } from "./abort-group.ts";
import {
  fetchNote,
  type HeadPlace,
  logPlaces,
  type PeerWitness,
  peerPlace,
  sourceOf,
} from "./head-places.ts";
import { verifiedLines } from "./verified-lines.ts";
import type { OwnSignature, WitnessedLog } from "./witness.ts";

export interface OwnSignatureSearch extends MlDsaOptions {
  readonly logs: readonly WitnessedLog[];
  readonly peers: readonly PeerWitness[];
  /** Types 0x04 and 0x06. */
  readonly ownKeys: readonly VerifierKey[];
  /** Longest time in all, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  readonly network?: FetcherOptions;
}

/** What a search came to. */
export interface FoundOwnSignatures {
  /** All that were met, whether or not the store knows better. */
  readonly found: readonly OwnSignature[];
  /** Hosts that did not answer, or not for every log: what they show is not known. */
  readonly silent: readonly { readonly host: string; readonly message: string }[];
}

interface LogAtPlace {
  readonly log: WitnessedLog;
  readonly place: HeadPlace;
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
  const places = logs.flatMap((log) =>
    [...logPlaces(log), ...peers.map((peer) => peerPlace(peer, log.origin))].map((place) => ({ log, place })),
  );
  const found: OwnSignature[] = [];
  const group = openAbortGroup();
  const look = async ({ log, place }: LogAtPlace): Promise<void> => {
    const { controller, release } = group.join();
    try {
      const signedNote = await fetchNote(place, { network, signal: controller.signal });
      const own = signedNote && (await ownSignature({ ...search, log, signedNote, source: sourceOf(place) }));
      if (own !== undefined) found.push(own);
    } finally {
      release();
    }
  };
  const silent: { host: string; message: string }[] = [];
  const limit = new AbortController();
  // Ends with the search: the abort below wakes it up.
  void (network.sleep ?? sleepOnTimer)(timeoutMs, limit.signal).then(() => group.abort());
  await inParallel([...byHost(places)], MAX_HOSTS_AT_ONCE, async ([host, ofHost]) => {
    const message = await askHost(ofHost, look, group);
    if (message !== undefined) silent.push({ host, message });
  });
  limit.abort();
  return { found, silent };
}

/**
 * The newest valid cosignature of `ownKeys` on a note about the log; undefined when there is none. Each key is tried by
 * itself: a bad line of one key must not hide a good one of another.
 */
export async function ownSignature(
  args: MlDsaOptions & {
    readonly log: Pick<WitnessedLog, "origin" | "logKeys">;
    /** As it came from anywhere. */
    readonly signedNote: Uint8Array;
    readonly source: string;
    readonly ownKeys: readonly VerifierKey[];
  },
): Promise<OwnSignature | undefined> {
  const { log, signedNote, source, ownKeys } = args;
  const note = orUndefined(() => parseNote(signedNote));
  const checkpoint = note && orUndefined(() => parseCheckpoint(decodeUtf8(note.text)));
  if (note === undefined || checkpoint?.origin !== log.origin) return undefined;
  const times = (await verifiedLines(note, ownKeys, args)).flatMap(timeOf);
  if (times.length === 0) return undefined;
  const { origin, treeSize, rootHash } = checkpoint;
  const verified = await verifiedLines(note, [...log.logKeys, ...ownKeys], args);
  const signatures = verified.map(({ signature }) => signature);
  return {
    origin,
    treeSize,
    rootHash,
    timestampSeconds: Math.max(...times),
    signedNote: formatNote({ text: note.text, signatures }),
    source,
  };
}

/** When this key cosigned the note, in POSIX seconds; undefined when it did not, or its line does not verify. */
export async function cosignedAt(
  note: Note,
  key: VerifierKey,
  options: MlDsaOptions,
): Promise<number | undefined> {
  return (await verifiedLines(note, [key], options)).flatMap(timeOf)[0];
}

function timeOf({ verifierKey: { type }, signature }: VerifiedSignature): readonly number[] {
  return type === ED25519 ? [] : [decodeTimestampedSignature(type, signature.payload).timestampSeconds];
}

/** @returns what was not seen and why; undefined when everything was. */
async function askHost(
  places: readonly LogAtPlace[],
  look: (one: LogAtPlace) => Promise<void>,
  group: AbortGroup,
): Promise<string | undefined> {
  let failuresInARow = 0;
  let unseen = 0;
  let reason = "the time was over";
  await inParallel(places, MAX_REQUESTS_PER_HOST, async (one) => {
    if (group.isAborted || failuresInARow >= MAX_FAILURES_IN_A_ROW) {
      unseen += 1;
      return;
    }
    try {
      await look(one);
      failuresInARow = 0;
    } catch (error) {
      failuresInARow += 1;
      unseen += 1;
      if (!(error instanceof TlogError)) throw error;
      if (!group.isAborted) reason = error.message;
    }
  });
  return unseen === 0 ? undefined : `${unseen} of ${places.length} checkpoints were not seen: ${reason}`;
}

function byHost(places: readonly LogAtPlace[]): ReadonlyMap<string, readonly LogAtPlace[]> {
  const hosts = new Map<string, LogAtPlace[]>();
  for (const one of places) {
    const { url } = one.place;
    const host = URL.canParse(url) ? new URL(url).origin : url;
    const others = hosts.get(host);
    if (others === undefined) hosts.set(host, [one]);
    else others.push(one);
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
