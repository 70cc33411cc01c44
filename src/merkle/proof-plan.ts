/**
 * A proof is the hashes of certain subtrees, in an order the definitions fix. Making one reads nothing: a plan names the
 * nodes, the caller reads their hashes from wherever it keeps them, and `assembleProof` folds them into the proof.
 */
import { TlogError } from "../errors.ts";
import { foldPeaks, peakCoordinates } from "./compact-range.ts";
import { type NodeCoordinate, type Subtree, subtreePeaks } from "./coordinates.ts";
import { assertHash } from "./hash.ts";

/** What a proof is made of. */
export interface ProofPlan {
  /** The nodes to read. */
  readonly nodes: readonly NodeCoordinate[];
  /**
   * How many of `nodes`, in order, fold into each hash of the proof. More than one where the proof needs the hash of a
   * subtree at the tree's right edge that is not perfect, and so is stored nowhere.
   */
  readonly nodesPerHash: readonly number[];
}

/** A plan for a proof that consists of the hashes of `subtrees`, in order. */
export function planSubtrees(subtrees: readonly Subtree[]): ProofPlan {
  const peaks = subtrees.map(subtreePeaks);
  return { nodes: peaks.flat(), nodesPerHash: peaks.map((nodes) => nodes.length) };
}

/** A plan for the peaks of a tree, which `rangeRoot({ treeSize, peaks })` makes its root of. */
export function planRoot(treeSize: number): ProofPlan {
  const nodes = peakCoordinates(treeSize);
  return { nodes, nodesPerHash: nodes.map(() => 1) };
}

/**
 * Makes the proof.
 * @param hashes - of `plan.nodes`, in their order, 32 bytes each.
 * @returns the hashes of the proof; those that are single nodes are kept, not copied.
 * @throws {TlogError} ARGUMENT_INVALID (not as many hashes as nodes) | HASH_MALFORMED
 */
export function assembleProof(plan: ProofPlan, hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  if (hashes.length !== plan.nodes.length) {
    throw new TlogError("ARGUMENT_INVALID", `hashes: want ${plan.nodes.length}, got ${hashes.length}`);
  }
  for (const hash of hashes) assertHash("node hash", hash);
  let used = 0;
  return plan.nodesPerHash.map((count) => {
    const folded = foldPeaks(hashes.slice(used, used + count));
    used += count;
    return folded;
  });
}
