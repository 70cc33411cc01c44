/**
 * Subtrees that are signed on their own: leaves [start, end) of a log, and that they are in a tree.
 * draft-ietf-plants-merkle-tree-certs §4
 */
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, hashesEqual } from "./hash.ts";
import { planInclusion, verifyInclusion } from "./inclusion.ts";
import { climb, proofPath } from "./proof-path.ts";
import { type ProofPlan, planSubtrees } from "./proof-plan.ts";
import { assertSize, bitLength } from "./sizes.ts";

/**
 * Whether [start, end) can be a subtree: not empty, and start is a multiple of the power of two that `end - start` rounds up to.
 * §4.1, which also lets an empty range pass: nothing can be said of its leaves, so it is none here.
 */
export function isValidSubtree({ start, end }: Subtree): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start >= end) return false;
  return start % 2 ** bitLength(end - start - 1) === 0;
}

/**
 * Which nodes of the tree make the consistency proof of a subtree. None when the subtree is the whole tree.  §4.4.1
 * @throws {TlogError} ARGUMENT_INVALID (no valid subtree, or not within the tree)
 */
export function planSubtreeConsistency({
  start,
  end,
  treeSize,
}: Subtree & { readonly treeSize: number }): ProofPlan {
  assertSize("treeSize", treeSize);
  assertSubtree({ start, end });
  if (end > treeSize) {
    throw new TlogError("ARGUMENT_INVALID", `end: want at most ${treeSize}, got ${end}`);
  }
  return planSubtrees(proofPath({ start, end }, treeSize));
}

/**
 * Proves that leaves [start, end) of the tree with `rootHash` have the root hash `subtreeHash`, or throws.  §4.4.2
 * @param args.proof - as it came from the network.
 * @throws {TlogError} PROOF_INVALID (also: no valid subtree of such a tree) | HASH_MALFORMED | ARGUMENT_INVALID (not a safe integer)
 */
export function verifySubtreeConsistency(
  args: Subtree & {
    readonly subtreeHash: Uint8Array;
    readonly treeSize: number;
    readonly rootHash: Uint8Array;
    readonly proof: readonly Uint8Array[];
  },
): void {
  const { start, end, subtreeHash, treeSize, rootHash, proof } = args;
  assertSize("start", start);
  assertSize("end", end);
  assertSize("treeSize", treeSize);
  assertHash("subtreeHash", subtreeHash);
  assertHash("rootHash", rootHash);
  if (!isValidSubtree({ start, end }) || end > treeSize) {
    throw new TlogError("PROOF_INVALID", `leaves [${start}, ${end}) are no subtree of ${treeSize} leaves`);
  }
  const part = { start, end };
  const { partRoot, treeRoot } = climb({ part, partHash: subtreeHash, treeSize, proof });
  if (!hashesEqual(partRoot, subtreeHash) || !hashesEqual(treeRoot, rootHash)) {
    throw new TlogError("PROOF_INVALID", "the proof does not lead from the subtree's hash to the root hash");
  }
}

/**
 * Which nodes of the tree make the inclusion proof of a leaf in a subtree.  §4.3.1
 * @param args.leafIndex - counted in the tree: in [start, end).
 * @throws {TlogError} ARGUMENT_INVALID (no valid subtree, or the leaf is not in it)
 */
export function planSubtreeInclusion({
  leafIndex,
  start,
  end,
}: Subtree & { readonly leafIndex: number }): ProofPlan {
  assertSubtree({ start, end });
  assertSize("leafIndex", leafIndex);
  const { nodes, nodesPerHash } = planInclusion({ leafIndex: leafIndex - start, treeSize: end - start });
  // A subtree starts at a multiple of the width of each of its nodes.
  return {
    nodes: nodes.map(({ level, index }) => ({ level, index: start / 2 ** level + index })),
    nodesPerHash,
  };
}

/**
 * Proves that the leaf is in the subtree, or throws.  §4.3.2
 * @throws {TlogError} PROOF_INVALID (also: no valid subtree, or the leaf is not in it) | HASH_MALFORMED | ARGUMENT_INVALID (not a
 *   safe integer)
 */
export function verifySubtreeInclusion(
  args: Subtree & {
    readonly leafIndex: number;
    readonly leafHash: Uint8Array;
    readonly subtreeHash: Uint8Array;
    readonly proof: readonly Uint8Array[];
  },
): void {
  const { leafIndex, start, end, leafHash, subtreeHash: rootHash, proof } = args;
  assertSize("start", start);
  assertSize("end", end);
  assertSize("leafIndex", leafIndex);
  if (!isValidSubtree({ start, end }) || leafIndex < start) {
    throw new TlogError("PROOF_INVALID", `leaf ${leafIndex} cannot be in leaves [${start}, ${end})`);
  }
  verifyInclusion({ leafIndex: leafIndex - start, treeSize: end - start, leafHash, rootHash, proof });
}

function assertSubtree({ start, end }: Subtree): void {
  if (!isValidSubtree({ start, end })) {
    throw new TlogError("ARGUMENT_INVALID", `leaves [${start}, ${end}) are no subtree`);
  }
}
