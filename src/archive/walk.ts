/**
 * Reading a whole log, entry by entry, from places nobody vouches for: what comes out of here is in the tree that was asked for, and ready
 * to be stored. Each bundle is held against that tree before anything is done with it.
 */
import { TlogError } from "../errors.ts";
import { integrate } from "../log/integrate.ts";
import { type CompactRange, rangeRoot } from "../merkle/compact-range.ts";
import { HASH_BYTES, hashesEqual, hashesEqualAt } from "../merkle/hash.ts";
import type { Batch } from "../store/store.ts";
import { blockLeafHashes, type EntryBlock, entryOffsets } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { joinBatches } from "./join-batches.ts";
import type { LogSource, TreeHead } from "./source.ts";
import { fromFirst, openVerifiedTree, type VerifiedTree } from "./verified-tree.ts";

export interface WalkOptions {
  /** Asked in order: the first whose bytes fit the tree. */
  readonly sources: readonly LogSource[];
  readonly head: TreeHead;
  /** The beginning, which is known already: the walk goes on from there. */
  readonly from: CompactRange;
  /**
   * Default true. False: where no source has tiles that fit, entries are yielded all the same, and the root decides at the end. The caller
   * keeps what it made of them only when the walk ends without an error.
   */
  readonly wantsTiles?: boolean | undefined;
  readonly signal: AbortSignal;
  /** Told of each bundle that an earlier source did not have, or had otherwise. */
  readonly onPassedOver?: ((passed: PassedOver) => void) | undefined;
}

/** Entries [start, end) were not read from `location`. */
export interface PassedOver {
  readonly start: number;
  readonly end: number;
  readonly location: string;
  readonly reason: string;
}

/** A batch holds at most so many bundles, and so many bytes and one bundle. */
const MAX_BUNDLES = 64;
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Yields leaves [from.treeSize, head.treeSize) as batches that follow each other. All but the last end where a bundle does; the root was
 * compared before the last is yielded.
 * @throws {TlogError} ROOT_MISMATCH (`from` is not the beginning of the tree, or tiles do not fit it) | ENTRY_MISMATCH | BUNDLE_MALFORMED |
 *   TILE_MALFORMED | NOT_FOUND | ABORTED, and what the places fail with
 */
export async function* walkLog(options: WalkOptions): AsyncGenerator<Batch, void, void> {
  const { sources, head, from, signal, wantsTiles = true } = options;
  const tree = openVerifiedTree(sources, head);
  await unlessMissing(wantsTiles, assertBeginning(tree, from, signal));
  let pieces: Batch[] = [];
  let bytes = 0;
  for await (const piece of verifiedBundles(tree, options)) {
    pieces.push(piece);
    bytes += piece.entries.bytes.length;
    const range = piece.head;
    const isLast = range.treeSize === head.treeSize;
    if (!isLast && pieces.length < MAX_BUNDLES && bytes < MAX_BYTES) continue;
    if (isLast) assertRoot(range, head);
    yield joinBatches(pieces);
    pieces = [];
    bytes = 0;
  }
}

/** One batch for each bundle: read ahead from the first source, held against the tree in order. */
async function* verifiedBundles(tree: VerifiedTree, options: WalkOptions): AsyncGenerator<Batch, void, void> {
  const { sources, head, from, signal, wantsTiles = true } = options;
  const [first] = sources;
  const ahead: Promise<Uint8Array>[] = [];
  const start = Math.floor(from.treeSize / TILE_WIDTH);
  const end = Math.ceil(head.treeSize / TILE_WIDTH);
  let asked = start;
  let range = from;
  for (let index = start; index < end; index++) {
    for (; first !== undefined && asked < end && ahead.length < first.readAhead; asked++) {
      const reading = first.readBundle(bundleAt(asked, head), signal);
      // A failure is reported when its turn comes.
      reading.catch(() => {});
      ahead.push(reading);
    }
    const atHand = ahead.shift();
    const batch = await fromFirst(
      sources,
      async (source) => {
        const isAtHand = source === first && atHand !== undefined;
        const bytes = await (isAtHand ? atHand : source.readBundle(bundleAt(index, head), signal));
        return await verifiedBundle(tree, { index, bytes, range, source, wantsTiles, signal });
      },
      (source, { message }) => {
        const { start, end } = leavesOf(index, head);
        options.onPassedOver?.({ start, end, location: source.location, reason: message });
      },
    );
    yield batch;
    range = batch.head;
  }
}

interface BundleAtHand {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** What the bundle follows: it may end inside it. */
  readonly range: CompactRange;
  readonly source: LogSource;
  readonly wantsTiles: boolean;
  readonly signal: AbortSignal;
}

/** @throws {TlogError} ENTRY_MISMATCH | BUNDLE_MALFORMED */
async function verifiedBundle(tree: VerifiedTree, bundle: BundleAtHand): Promise<Batch> {
  const { index, range, wantsTiles, signal } = bundle;
  const entries = newEntries(bundle, leavesOf(index, tree.head));
  const leafHashes = blockLeafHashes(entries);
  const { range: after, levels } = integrate(range, leafHashes);
  const isFull = after.treeSize % TILE_WIDTH === 0;
  const wanted = isFull
    ? await unlessMissing(wantsTiles, tree.bundleRoot(index, signal))
    : tree.head.rootHash;
  const found = isFull ? levels[1]?.hashes : rangeRoot(after);
  const fits = wanted === undefined || (found !== undefined && hashesEqual(found, wanted));
  if (!fits) throw await mismatch(tree, bundle, leafHashes);
  return { from: range.treeSize, entries, leafHashes, levels, head: after };
}

/** What tiles say; undefined when they say nothing, or nonsense, and need not. */
async function unlessMissing<T>(wantsTiles: boolean, reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (wantsTiles || !(error instanceof TlogError) || error.code === "ABORTED") throw error;
    return undefined;
  }
}

/** The entries that `range` does not have yet: all of the bundle but for the first one of a walk. */
function newEntries(
  { bytes, range, source }: BundleAtHand,
  leaves: { readonly start: number; readonly end: number },
): EntryBlock {
  try {
    const offsets = entryOffsets(bytes, leaves.end - leaves.start);
    const known = range.treeSize - leaves.start;
    if (known === 0) return { bytes, offsets };
    const begin = offsets[known] ?? 0;
    return { bytes: bytes.slice(begin), offsets: offsets.slice(known).map((offset) => offset - begin) };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const where = `${source.location}: entries ${leaves.start} to ${leaves.end - 1}`;
    throw new TlogError(cause.code, `${where}: ${cause.message}`, { cause });
  }
}

/** Names the first entry that is not the one of the tree, where the place's tile of leaf hashes fits the tree. */
async function mismatch(
  tree: VerifiedTree,
  { index, range, source, signal }: BundleAtHand,
  leafHashes: Uint8Array,
): Promise<TlogError> {
  const { end } = leavesOf(index, tree.head);
  const start = range.treeSize;
  const wrong = await firstWrong(tree, { start, end, leafHashes, signal }).catch(() => undefined);
  const what =
    wrong === undefined
      ? `the entries ${start} to ${end - 1} are not those of the signed tree`
      : `entry ${wrong} is not the one of the signed tree`;
  return new TlogError("ENTRY_MISMATCH", `${source.location}: ${what}`);
}

async function firstWrong(
  tree: VerifiedTree,
  args: {
    readonly start: number;
    readonly end: number;
    readonly leafHashes: Uint8Array;
    readonly signal: AbortSignal;
  },
): Promise<number | undefined> {
  const { start, end, leafHashes, signal } = args;
  const read = await tree.read([{ level: 0, index: start }], signal);
  for (let leaf = start; leaf < end; leaf++) {
    const at = (leaf - start) * HASH_BYTES;
    if (!hashesEqualAt(leafHashes, at, read({ level: 0, index: leaf }), 0)) return leaf;
  }
  return undefined;
}

/** @throws {TlogError} ROOT_MISMATCH */
async function assertBeginning(tree: VerifiedTree, from: CompactRange, signal: AbortSignal): Promise<void> {
  const { treeSize } = from;
  const { peaks } = await tree.rangeAt(treeSize, signal);
  if (peaks.every((peak, at) => hashesEqual(peak, from.peaks[at] ?? new Uint8Array(0)))) return;
  throw new TlogError(
    "ROOT_MISMATCH",
    `the ${treeSize} entries that are here are not the beginning of the tree of ${tree.head.treeSize}: they are two histories`,
  );
}

/** @throws {TlogError} ROOT_MISMATCH */
function assertRoot(range: CompactRange, head: TreeHead): void {
  if (range.treeSize === head.treeSize && hashesEqual(rangeRoot(range), head.rootHash)) return;
  throw new TlogError(
    "ROOT_MISMATCH",
    `${range.treeSize} entries do not hash to the root of the tree of ${head.treeSize}`,
  );
}

function bundleAt(index: number, head: TreeHead): { readonly index: number; readonly width: number } {
  const { start, end } = leavesOf(index, head);
  return { index, width: end - start };
}

function leavesOf(index: number, { treeSize }: TreeHead): { readonly start: number; readonly end: number } {
  const start = index * TILE_WIDTH;
  return { start, end: Math.min(start + TILE_WIDTH, treeSize) };
}
