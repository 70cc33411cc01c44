/** The least one must remember of a tree to append to it and know its root: the roots of its perfect subtrees. */
import { InvariantError, TlogError } from "../errors.ts";
import { type NodeCoordinate, subtreePeaks } from "./coordinates.ts";
import { assertHash, emptyRootHash, HASH_BYTES, hashMemory, nodeHash, writeParents } from "./hash.ts";
import { assertSize } from "./sizes.ts";

/** A tree of `treeSize` leaves: one hash of 32 bytes per binary one in `treeSize`, the largest subtree first. */
export interface CompactRange {
  readonly treeSize: number;
  readonly peaks: readonly Uint8Array[];
}

/** A tree of 2^53 - 1 leaves has no more. */
const MAX_LEVELS = 54;

/** The tree without leaves. */
export function emptyRange(): CompactRange {
  return { treeSize: 0, peaks: [] };
}

/** Which nodes the peaks of a tree are, in the order of {@link CompactRange}. */
export function peakCoordinates(treeSize: number): readonly NodeCoordinate[] {
  assertSize("treeSize", treeSize);
  return subtreePeaks({ start: 0, end: treeSize });
}

/**
 * Appends leaves on the right.  RFC 6962 §2.1
 * @param leafHashes - 32 bytes each; kept, not copied.
 * @param onNode - told of every perfect subtree as it becomes complete, the leaves themselves included: what there is to
 *   store. The hash may be kept, not changed.
 * @returns the new range; `range` is as it was.
 * @throws {TlogError} HASH_MALFORMED | ARGUMENT_INVALID
 */
export function appendLeaves(
  range: CompactRange,
  leafHashes: readonly Uint8Array[],
  onNode?: (node: NodeCoordinate, hash: Uint8Array) => void,
): CompactRange {
  assertRange(range);
  assertSize("treeSize", range.treeSize + leafHashes.length);
  const peaks = [...range.peaks];
  let treeSize = range.treeSize;
  for (const leaf of leafHashes) {
    assertHash("leafHash", leaf);
    let hash = leaf;
    let index = treeSize;
    let level = 0;
    onNode?.({ level, index }, hash);
    // A right child is the last its parent waited for; its left sibling is the smallest peak.
    while (index % 2 === 1) {
      hash = nodeHash(popPeak(peaks), hash);
      index = (index - 1) / 2;
      level += 1;
      onNode?.({ level, index }, hash);
    }
    peaks.push(hash);
    treeSize += 1;
  }
  return { treeSize, peaks };
}

/** What {@link appendHashes} made. */
export interface AppendedHashes {
  readonly range: CompactRange;
  /** For each tree level that grew, its new hashes, concatenated; they are the last ones of the level. Level 0: the leaves. */
  readonly levels: readonly Uint8Array[];
}

/**
 * Appends many leaves on the right, as {@link appendLeaves} does, hashed level by level over flat memory.  RFC 6962 §2.1
 * @param leafHashes - 32 bytes each, concatenated; not kept.
 * @throws {TlogError} HASH_MALFORMED | ARGUMENT_INVALID
 */
export function appendHashes(range: CompactRange, leafHashes: Uint8Array): AppendedHashes {
  assertRange(range);
  if (leafHashes.length % HASH_BYTES !== 0) {
    throw new TlogError(
      "HASH_MALFORMED",
      `leafHashes: want 32 bytes each, got ${leafHashes.length} together`,
    );
  }
  const treeSize = range.treeSize + leafHashes.length / HASH_BYTES;
  assertSize("treeSize", treeSize);
  const before = peaksByLevel(range);
  const levels = grownLevels(range.treeSize, leafHashes, before);
  const peaks = peakCoordinates(treeSize).map(({ level }) => {
    // Whatever is on the right edge of a level that grew is new; above, the peaks are as they were.
    const hash = levels[level]?.slice(-HASH_BYTES) ?? before[level];
    if (hash === undefined) throw new InvariantError(`no peak at level ${level}`);
    return hash;
  });
  return { range: { treeSize, peaks }, levels };
}

/** The peaks by the level they are at; a level whose bit of the size is zero has none. */
function peaksByLevel({ treeSize, peaks }: CompactRange): readonly (Uint8Array | undefined)[] {
  const byLevel: (Uint8Array | undefined)[] = [];
  for (const [at, { level }] of peakCoordinates(treeSize).entries()) byLevel[level] = peaks[at];
  return byLevel;
}

/** The new hashes of each level that grows: views of one memory, where each level follows the one below it. */
function grownLevels(
  treeSize: number,
  leafHashes: Uint8Array,
  before: readonly (Uint8Array | undefined)[],
): readonly Uint8Array[] {
  const levels: Uint8Array[] = [];
  let count = leafHashes.length / HASH_BYTES;
  // A level has at most half of the hashes below it and one more, and a left sibling before them.
  const memory = hashMemory(2 * (count + MAX_LEVELS));
  let start = treeSize;
  let from = start % 2;
  memory.bytes.set(leafHashes, from * HASH_BYTES);
  while (count > 0) {
    levels.push(memory.bytes.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES));
    // A right child that comes first has its sibling among the peaks.
    const carried = start % 2;
    const sibling = carried === 1 ? before[levels.length - 1] : undefined;
    if (sibling !== undefined) memory.bytes.set(sibling, (from - 1) * HASH_BYTES);
    const pairs = Math.floor((count + carried) / 2);
    start = Math.floor(start / 2);
    const to = from + count + (start % 2);
    writeParents(memory, { from: from - carried, pairs, to });
    from = to;
    count = pairs;
  }
  return levels;
}

/**
 * The root hash of the tree.  RFC 6962 §2.1
 * @returns 32 bytes; for a size that is a power of two the peak itself, not a copy.
 * @throws {TlogError} HASH_MALFORMED | ARGUMENT_INVALID
 */
export function rangeRoot(range: CompactRange): Uint8Array {
  assertRange(range);
  return range.treeSize === 0 ? emptyRootHash() : foldPeaks(range.peaks);
}

/**
 * The hash of a subtree from those of the perfect subtrees it consists of ({@link subtreePeaks}).
 * @param peaks - at least one, 32 bytes each, from left to right.
 */
export function foldPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

function assertRange(range: CompactRange): void {
  const count = peakCoordinates(range.treeSize).length;
  if (range.peaks.length !== count) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `peaks: want ${count} for tree size ${range.treeSize}, got ${range.peaks.length}`,
    );
  }
  for (const peak of range.peaks) assertHash("peak", peak);
}

function popPeak(peaks: Uint8Array[]): Uint8Array {
  const peak = peaks.pop();
  if (peak === undefined) throw new InvariantError("a right child without a left sibling");
  return peak;
}
