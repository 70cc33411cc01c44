/** Consistency proofs, RFC 6962 §2.1.2: that the first leaves of a tree are those of a smaller one. */
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, emptyRootHash, hashesEqual } from "./hash.ts";
import { climb, proofPath } from "./proof-path.ts";
import { type ProofPlan, planSubtrees } from "./proof-plan.ts";
import { assertSize } from "./sizes.ts";

/**
 * Which nodes make the consistency proof. None from size 0, and none between equal sizes.
 * @throws {TlogError} ARGUMENT_INVALID (fromSize is larger than toSize)
 */
export function planConsistency(args: { readonly fromSize: number; readonly toSize: number }): ProofPlan {
  const { fromSize, toSize } = args;
  assertSize("fromSize", fromSize);
  assertSize("toSize", toSize);
  if (fromSize > toSize) {
    throw new TlogError("ARGUMENT_INVALID", `fromSize: want at most ${toSize}, got ${fromSize}`);
  }
  return planSubtrees(proofSubtrees(fromSize, toSize));
}

/**
 * Proves that the tree with `toRoot` starts with the leaves of the tree with `fromRoot`, or throws. Every tree continues
 * the empty one: from size 0 the proof is empty and `toRoot` may be anything, but `fromRoot` is the empty tree's.
 * @param args.proof - as it came from the network.
 * @throws {TlogError} PROOF_INVALID | HASH_MALFORMED (a hash is not 32 bytes) | ARGUMENT_INVALID (not a safe integer)
 */
export function verifyConsistency(args: {
  readonly fromSize: number;
  readonly fromRoot: Uint8Array;
  readonly toSize: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): void {
  const { fromSize, fromRoot, toSize, toRoot, proof } = args;
  assertSize("fromSize", fromSize);
  assertSize("toSize", toSize);
  assertHash("fromRoot", fromRoot);
  assertHash("toRoot", toRoot);
  if (fromSize > toSize) {
    throw new TlogError("PROOF_INVALID", `a tree cannot shrink from size ${fromSize} to ${toSize}`);
  }
  if (fromSize === 0) {
    if (proof.length > 0) throw new TlogError("PROOF_INVALID", `proof: want 0 hashes, got ${proof.length}`);
    assertRoot("fromRoot", emptyRootHash(), fromRoot);
    if (toSize === 0) assertRoot("toRoot", emptyRootHash(), toRoot);
    return;
  }
  const part = { start: 0, end: fromSize };
  const { partRoot, treeRoot } = climb({ part, partHash: fromRoot, treeSize: toSize, proof });
  assertRoot("fromRoot", partRoot, fromRoot);
  assertRoot("toRoot", treeRoot, toRoot);
}

/**
 * The smaller root a proof leads to: of all trees of `fromSize` leaves the one that the tree with `toRoot` continues, whatever
 * else somebody showed as that size's root.
 * @returns 32 bytes; undefined when the proof does not lead to `toRoot`, and when it leaves the smaller root out, so that none
 *   comes out of it: from size 0, from a power of two, and between equal sizes.
 * @throws {TlogError} HASH_MALFORMED (a hash is not 32 bytes) | ARGUMENT_INVALID (not a safe integer)
 */
export function fromRootOfConsistency(args: {
  readonly fromSize: number;
  readonly toSize: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): Uint8Array | undefined {
  const { fromSize, toSize, toRoot, proof } = args;
  assertSize("fromSize", fromSize);
  assertSize("toSize", toSize);
  assertHash("toRoot", toRoot);
  const subtrees = fromSize < toSize ? proofSubtrees(fromSize, toSize) : [];
  if (subtrees[0]?.end !== fromSize || proof.length !== subtrees.length) return undefined;
  // The first hash is of the subtree that ends where the smaller tree ends: nothing known of that tree is needed.
  const part = { start: 0, end: fromSize };
  const { partRoot, treeRoot } = climb({ part, partHash: toRoot, treeSize: toSize, proof });
  return hashesEqual(treeRoot, toRoot) ? partRoot : undefined;
}

/** None from size 0: the proof is empty. */
function proofSubtrees(fromSize: number, toSize: number): readonly Subtree[] {
  return fromSize === 0 ? [] : proofPath({ start: 0, end: fromSize }, toSize);
}

function assertRoot(name: string, computed: Uint8Array, claimed: Uint8Array): void {
  if (!hashesEqual(computed, claimed)) {
    throw new TlogError("PROOF_INVALID", `the consistency proof does not lead to ${name}`);
  }
}
