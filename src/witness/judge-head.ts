/**
 * What a poller does with a head that somebody shows: verify that the log signed it, look for this witness's own signature,
 * compare it with what this witness cosigned, keep what convicts somebody, and tell how far behind it is.
 */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { memoryTiles, type TileCache } from "../../client/tile-cache.ts";
import { openTileSource, type TileSource } from "../../client/tile-source.ts";
import { inLane } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { evidenceFromHeads } from "../tlog/fork-evidence-build.ts";
import { type MlDsaOptions, parseVerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import {
  type ComparedHead,
  type ComparedLog,
  compareHeads,
  compareWithWitness,
  type HeadComparison,
  type ShownAt,
} from "./compare-heads.ts";
import {
  fetcherFor,
  fetchNote,
  type HeadPlace,
  logPlaces,
  type PeerWitness,
  sourceOf,
} from "./head-places.ts";
import { keepEvidence, openPeerNotes, type PeerNotes } from "./peer-notes.ts";
import { ownSignature } from "./recover.ts";
import { verifiedLines } from "./verified-lines.ts";
import type { Witness, WitnessedLog } from "./witness.ts";

export interface HeadJudgeOptions extends MlDsaOptions {
  readonly witness: Witness;
  readonly peers: readonly PeerWitness[];
  readonly events: WitnessEvents;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Default: one attempt of at most 10 s a request. */
  readonly network?: FetcherOptions;
  /** Default: 8 MiB in memory for all logs. */
  readonly tileCache?: TileCache;
  /** How long a head may stay unproven before it is a warning. Default 10 minutes. */
  readonly unprovenAfterMs?: number;
}

/** A head with the log's signature, and what came of the comparison. */
export interface JudgedHead {
  readonly head: ComparedHead;
  /** undefined: this witness never cosigned for the log, or the log is convicted. */
  readonly comparison: HeadComparison | undefined;
  /** Evidence says that the log forked, from now or from before. */
  readonly isConvicted: boolean;
}

export interface HeadJudge {
  /**
   * Fetches what a place shows and judges it.
   * @returns undefined when a peer shows nothing (404), or the log a signed statement that cannot be true, which is stored as evidence.
   * @throws {TlogError} as `fetchNote`, NOTE_MALFORMED, CHECKPOINT_MALFORMED, ORIGIN_MISMATCH, SIGNATURE_MISSING (what was shown is not
   *   the log's), CRYPTO_BUSY, and what Witness.addEvidence throws
   */
  judge(log: WitnessedLog, place: HeadPlace, signal: AbortSignal): Promise<JudgedHead | undefined>;
  /** Judges a note that is here already. Throws as `judge`, but nothing is fetched except tiles. */
  judgeNote(log: WitnessedLog, shown: ShownNote, signal: AbortSignal): Promise<JudgedHead | undefined>;
}

/** A signed head, and who showed it. */
export interface ShownNote {
  readonly signedNote: Uint8Array;
  /** For people: a URL, or how it came here. */
  readonly source: string;
  /** Asked for tiles first, if it is one of the log's. */
  readonly url: string;
}

type Parts = Required<Omit<HeadJudgeOptions, "mlDsa44">> &
  MlDsaOptions & {
    readonly peerNotes: PeerNotes;
    /** Since when each place shows a head that nothing is proven of; undefined once that was told. */
    readonly unproven: Map<string, number | undefined>; // owned by report()
  };

export function openHeadJudge(options: HeadJudgeOptions): HeadJudge {
  const parts = {
    network: {},
    tileCache: memoryTiles(),
    unprovenAfterMs: 600_000,
    ...options,
    peerNotes: openPeerNotes(options),
    unproven: new Map<string, number | undefined>(),
  };
  return {
    judge: async (log, place, signal) => {
      const signedNote = await fetchNote(place, { network: parts.network, signal });
      if (signedNote === undefined) return undefined;
      const { url } = place;
      const shown = { signedNote, source: sourceOf(place), url };
      return await judge(log, { shown, signal }, partsFor(log, parts));
    },
    judgeNote: (log, shown, signal) => judge(log, { shown, signal }, partsFor(log, parts)),
  };
}

/** A lane of its own for what is looked at: whatever is sent about the log, to be cosigned, keeps nobody from looking. */
function partsFor({ origin }: WitnessedLog, parts: Parts): Parts {
  const { mlDsa44 } = parts;
  return mlDsa44 === undefined ? parts : { ...parts, mlDsa44: inLane(mlDsa44, `shown\n${origin}`) };
}

async function judge(
  log: WitnessedLog,
  { shown, signal }: { readonly shown: ShownNote; readonly signal: AbortSignal },
  parts: Parts,
): Promise<JudgedHead | undefined> {
  const { witness, peerNotes, now } = parts;
  const { signedNote, source, url } = shown;
  const ownKeys = witness.vkeys.map(parseVerifierKey);
  const own = await ownSignature({ ...parts, log, signedNote, source, ownKeys });
  if (own !== undefined) await witness.meetOwnSignature(own);
  const head = await openHead(log, signedNote, parts);
  if (head === undefined) return undefined;
  const cosigned = await peerNotes.cosignatures(signedNote);
  const times = [own, ...cosigned].flatMap((made) => (made === undefined ? [] : [made.timestampSeconds]));
  const shownAt = {
    cosignedAtSeconds: times.length === 0 ? undefined : Math.max(...times),
    nowSeconds: Math.floor(now() / 1000),
  };
  const compared = comparedLog(log, { url, signal }, parts);
  const wasConvicted = (await witness.conviction(log.origin)) !== undefined;
  // A log that is convicted signs ever more that contradicts: none of it would say more.
  const comparison = wasConvicted ? undefined : await compare(log, { head, url, shownAt, compared }, parts);
  if (comparison?.verdict === "evidence") await keepEvidence(witness, comparison.evidence);
  const isConvicted = wasConvicted || comparison?.verdict === "evidence";
  // A peer is convicted by what it cosigned itself, whether or not that is how the fork was found.
  await peerNotes.meet({ head, cosigned, compared, isForked: isConvicted });
  report(comparison, { origin: log.origin, source }, parts);
  return { head, comparison, isConvicted };
}

/**
 * By any one of the log's keys, whatever else stands there.
 * @returns undefined for a signed statement that cannot be true: a size 0 that is not the empty tree.
 */
async function openHead(
  { origin, logKeys }: WitnessedLog,
  signedNote: Uint8Array,
  { witness, mlDsa44 }: Parts,
): Promise<ComparedHead | undefined> {
  const options = mlDsa44 === undefined ? {} : { mlDsa44 };
  const note = parseNote(signedNote);
  const { treeSize, rootHash, ...checkpoint } = parseCheckpoint(decodeUtf8(note.text));
  if (checkpoint.origin !== origin) {
    throw new TlogError("ORIGIN_MISMATCH", `want ${origin}, got ${JSON.stringify(checkpoint.origin)}`);
  }
  const verified = await verifiedLines(note, logKeys, options);
  // An ML-DSA-44 signature does not cover extension lines, but size and root: what contradicts is signed all the same.
  if (verified.length === 0) {
    throw new TlogError("SIGNATURE_MISSING", "no line is a valid signature of a known key of the log");
  }
  if (treeSize > 0 || hashesEqual(rootHash, emptyRootHash())) {
    return { treeSize, rootHash, logNote: signedNote };
  }
  const notes = [signedNote, signedNote] as const;
  const evidence = await evidenceFromHeads({ origin, logKeys, notes, ...options });
  if (evidence !== undefined) await keepEvidence(witness, evidence);
  return undefined;
}

interface Shown {
  readonly head: ComparedHead;
  readonly url: string;
  readonly shownAt: ShownAt;
  readonly compared: ComparedLog;
}

async function compare(log: WitnessedLog, shown: Shown, parts: Parts): Promise<HeadComparison | undefined> {
  const { head, shownAt, compared } = shown;
  const { witness } = parts;
  const comparison = await compareWithWitness({ witness, shown: head, ...shownAt }, compared);
  return comparison?.verdict === "unproven" ? await throughTheLog(log, shown, parts, comparison) : comparison;
}

/**
 * Nobody serves the tree of the larger of two heads. A head that the log shows elsewhere and that is larger still settles it:
 * the tree of that one is served where it is shown.
 */
async function throughTheLog(
  log: WitnessedLog,
  { head, url, shownAt, compared }: Shown,
  parts: Parts,
  unproven: HeadComparison,
): Promise<HeadComparison> {
  const { signal } = compared;
  for (const other of logPlaces(log).filter((place) => place.url !== url)) {
    try {
      const signedNote = await fetchNote(other, { network: parts.network, signal });
      const larger = signedNote && (await openHead(log, signedNote, parts));
      if (larger === undefined || larger.treeSize < head.treeSize) continue;
      const withTiles = comparedLog(log, { url: other.url, signal }, parts);
      const itself = await compareHeads({ ours: larger, shown: head, ...shownAt }, withTiles);
      if (itself.verdict === "evidence") return itself;
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
    }
  }
  return unproven;
}

/** Tiles are asked for where the head is shown, then at the log's other places. */
function comparedLog(
  { origin, urls, logKeys }: WitnessedLog,
  { url, signal }: { readonly url: string; readonly signal: AbortSignal },
  { network, tileCache, mlDsa44 }: Parts,
): ComparedLog {
  const inOrder = [...new Set([url, ...urls])].filter((one) => urls.includes(one));
  const tiles: readonly TileSource[] = inOrder.map((one) =>
    openTileSource({ origin, fetcher: fetcherFor(one, network), cache: tileCache }),
  );
  return { origin, logKeys, tiles, signal, ...(mlDsa44 === undefined ? {} : { mlDsa44 }) };
}

function report(
  comparison: HeadComparison | undefined,
  { origin, source }: { readonly origin: string; readonly source: string },
  parts: Parts,
): void {
  const { events, unproven, unprovenAfterMs, now } = parts;
  if (comparison !== undefined) {
    const { verdict } = comparison;
    const behind = verdict === "behind" ? comparison : { bySize: 0, sinceSeconds: undefined };
    const { bySize, sinceSeconds } = behind;
    events.headCompared?.({ origin, source, verdict, bySize, sinceSeconds });
  }
  const key = `${origin}\n${source}`;
  if (comparison?.verdict !== "unproven") {
    unproven.delete(key);
    return;
  }
  if (!unproven.has(key)) unproven.set(key, now());
  const sinceMs = unproven.get(key);
  if (sinceMs === undefined || now() - sinceMs < unprovenAfterMs) return;
  unproven.set(key, undefined);
  const message = `${origin}: ${source} shows a signed head that could be a fork: ${comparison.reason}`;
  events.warning?.({ code: "HEAD_UNPROVEN", message });
}
