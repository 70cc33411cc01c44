/** The least one must remember of a tree to append to it and know its root: the roots of its perfect subtrees. */
import { InvariantError, TlogError } from "../errors.ts";
import { type NodeCoordinate, subtreePeaks } from "./coordinates.ts";
import { assertHash, emptyRootHash, nodeHash } from "./hash.ts";
import { assertSize } from "./sizes.ts";

/** A tree of `treeSize` leaves: one hash of 32 bytes per binary one in `treeSize`, the largest subtree first. */
export interface CompactRange {
  readonly treeSize: number;
  readonly peaks: readonly Uint8Array[];
}

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
