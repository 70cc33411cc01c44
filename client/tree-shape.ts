/** The shape of a Merkle tree as people look at it: what a subtree splits into, and the way from a leaf to the root.  RFC 6962 §2.1 */

import type { Subtree } from "../src/merkle/coordinates.ts";
import { nodeHash } from "../src/merkle/hash.ts";
import { proofPath } from "../src/merkle/proof-path.ts";
import { assertIndex, splitPoint } from "../src/merkle/sizes.ts";

/** One step up: the sibling's hash on one side, and what both cover together. */
export interface PathStep {
  readonly sibling: Subtree;
  /** Where the sibling stands: the hash is SHA-256(0x01 || left || right). */
  readonly side: "left" | "right";
  /** Leaves of the node that this step makes. */
  readonly parent: Subtree;
}

/** A step with its hashes, 32 bytes each. */
export interface HashedStep extends PathStep {
  readonly siblingHash: Uint8Array;
  readonly parentHash: Uint8Array;
}

/**
 * The way up from a leaf, leaf end first: one step for each hash of its inclusion proof.
 * @throws {TlogError} ARGUMENT_INVALID (leafIndex is not in [0, treeSize))
 */
export function pathToRoot({
  leafIndex,
  treeSize,
}: {
  readonly leafIndex: number;
  readonly treeSize: number;
}): readonly PathStep[] {
  assertIndex("leafIndex", leafIndex, treeSize);
  let at: Subtree = { start: leafIndex, end: leafIndex + 1 };
  return proofPath(at, treeSize).map((sibling) => {
    const side = sibling.end === at.start ? "left" : "right";
    at = { start: Math.min(at.start, sibling.start), end: Math.max(at.end, sibling.end) };
    return { sibling, side, parent: at };
  });
}

/** The same with what is hashed at each step: as many steps as there are both in the path and in the proof. */
export function hashPath(
  steps: readonly PathStep[],
  { leafHash, proof }: { readonly leafHash: Uint8Array; readonly proof: readonly Uint8Array[] },
): readonly HashedStep[] {
  let hash = leafHash;
  return steps.slice(0, proof.length).map((step, at) => {
    const siblingHash = proof[at] ?? hash;
    hash = step.side === "left" ? nodeHash(siblingHash, hash) : nodeHash(hash, siblingHash);
    return { ...step, siblingHash, parentHash: hash };
  });
}

/** The two halves of a subtree of at least two leaves: split at the largest power of two below its size. */
export function halvesOf({ start, end }: Subtree): readonly [Subtree, Subtree] {
  const middle = start + splitPoint(end - start);
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}
