/** Consistency proofs, RFC 6962 §2.1.2: that the first leaves of a tree are those of a smaller one. */
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, emptyRootHash, hashesEqual, nodeHash } from "./hash.ts";
import { matchProof, type ProofPlan, planSubtrees } from "./proof-plan.ts";
import { assertSize, splitPoint } from "./sizes.ts";

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
  const matched = matchProof(proofSubtrees(fromSize, toSize), proof);
  if (fromSize === 0) {
    assertRoot("fromRoot", emptyRootHash(), fromRoot);
    if (toSize === 0) assertRoot("toRoot", emptyRootHash(), toRoot);
    return;
  }
  // Both roots grow upwards from the largest subtree that ends where the smaller tree ends. A proof leaves that one out
  // when it is the whole smaller tree, whose hash the verifier has.
  let from = fromRoot;
  let to = fromRoot;
  for (const { subtree, hash } of matched) {
    if (subtree.end === fromSize) {
      from = hash;
      to = hash;
    } else if (subtree.start >= fromSize) {
      to = nodeHash(to, hash);
    } else {
      from = nodeHash(hash, from);
      to = nodeHash(hash, to);
    }
  }
  assertRoot("fromRoot", from, fromRoot);
  assertRoot("toRoot", to, toRoot);
}

/** The subtrees whose hashes are PROOF(fromSize, D[toSize]) of RFC 6962 §2.1.2, smallest first; none from size 0. */
function proofSubtrees(fromSize: number, toSize: number): readonly Subtree[] {
  if (fromSize === 0) return [];
  const path: Subtree[] = [];
  let start = 0;
  let end = toSize;
  while (end !== fromSize) {
    const middle = start + splitPoint(end - start);
    if (fromSize <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  if (start > 0) path.push({ start, end });
  return path.reverse();
}

function assertRoot(name: string, computed: Uint8Array, claimed: Uint8Array): void {
  if (!hashesEqual(computed, claimed)) {
    throw new TlogError("PROOF_INVALID", `the consistency proof does not lead to ${name}`);
  }
}
