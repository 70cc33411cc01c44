/** Inclusion proofs (audit paths), RFC 6962 §2.1.1. */
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, hashesEqual } from "./hash.ts";
import { climb, proofPath } from "./proof-path.ts";
import { type ProofPlan, planSubtrees } from "./proof-plan.ts";
import { assertIndex, assertSize } from "./sizes.ts";

/** Where a leaf is claimed to be. */
export interface LeafPosition {
  readonly leafIndex: number;
  readonly treeSize: number;
}

/**
 * Which nodes make the inclusion proof of a leaf.
 * @throws {TlogError} ARGUMENT_INVALID (leafIndex is not in [0, treeSize))
 */
export function planInclusion({ leafIndex, treeSize }: LeafPosition): ProofPlan {
  assertSize("treeSize", treeSize);
  assertIndex("leafIndex", leafIndex, treeSize);
  return planSubtrees(proofPath(leafAt(leafIndex), treeSize));
}

/**
 * Proves that the leaf is in the tree, or throws.
 * @param args.proof - the audit path, leaf end first; as it came from the network.
 * @throws {TlogError} PROOF_INVALID | HASH_MALFORMED (a hash is not 32 bytes) | ARGUMENT_INVALID (not a safe integer)
 */
export function verifyInclusion(
  args: LeafPosition & {
    readonly leafHash: Uint8Array;
    readonly rootHash: Uint8Array;
    readonly proof: readonly Uint8Array[];
  },
): void {
  assertHash("rootHash", args.rootHash);
  if (!hashesEqual(rootFromInclusion(args), args.rootHash)) {
    throw new TlogError("PROOF_INVALID", "the inclusion proof does not lead to the root hash");
  }
}

/**
 * The one root hash a leaf hash and its proof lead to. By itself it proves nothing: compare it with a root you trust.
 * @returns 32 bytes, the caller's own.
 * @throws {TlogError} as {@link verifyInclusion}
 */
export function rootFromInclusion(
  args: LeafPosition & { readonly leafHash: Uint8Array; readonly proof: readonly Uint8Array[] },
): Uint8Array {
  const { leafIndex, treeSize, leafHash, proof } = args;
  assertSize("leafIndex", leafIndex);
  assertSize("treeSize", treeSize);
  assertHash("leafHash", leafHash);
  if (leafIndex >= treeSize) {
    throw new TlogError("PROOF_INVALID", `leaf ${leafIndex} cannot be in a tree of size ${treeSize}`);
  }
  return climb({ part: leafAt(leafIndex), partHash: leafHash, treeSize, proof }).treeRoot;
}

/** The part an inclusion proof leads up from. */
function leafAt(leafIndex: number): Subtree {
  return { start: leafIndex, end: leafIndex + 1 };
}
