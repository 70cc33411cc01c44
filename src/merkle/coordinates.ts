/** Names for the nodes of a Merkle tree, and for the subtrees RFC 6962 hashes are defined over. */
import { bitLength } from "./sizes.ts";

/** The root of the perfect subtree over leaves [index * 2^level, (index + 1) * 2^level). Its hash never changes. */
export interface NodeCoordinate {
  /** 0: leaves. */
  readonly level: number;
  readonly index: number;
}

/**
 * Leaves [start, end) of a tree, whose hash RFC 6962 §2.1 writes MTH(D[start:end]). The splits of the definition only
 * make ranges whose start is a multiple of the power of two that `end - start` rounds up to.
 */
export interface Subtree {
  readonly start: number;
  readonly end: number;
}

/**
 * The perfect subtrees a subtree consists of, from left (largest) to right: one per binary one in its leaf count.
 * Its hash is theirs, folded from the right ({@link foldPeaks}).
 */
export function subtreePeaks(subtree: Subtree): readonly NodeCoordinate[] {
  const peaks: NodeCoordinate[] = [];
  let start = subtree.start;
  while (start < subtree.end) {
    const level = bitLength(subtree.end - start) - 1;
    peaks.push({ level, index: start / 2 ** level });
    start += 2 ** level;
  }
  return peaks;
}
