/**
 * The walk behind every proof: from the root down to a part of the tree, and back up. The part of an inclusion proof is a leaf,
 * that of a consistency proof the smaller tree, that of a subtree's any valid subtree: PATH and PROOF of RFC 6962 §2.1.1 and
 * §2.1.2 are SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs §4.4 for [m, m + 1) and [0, m).
 */
import type { Subtree } from "./coordinates.ts";
import { nodeHash } from "./hash.ts";
import type { MatchedHash } from "./proof-plan.ts";
import { splitPoint } from "./sizes.ts";

/**
 * The subtrees whose hashes are the proof, the part's end first.
 * @param part - a valid subtree of the tree, not empty.
 */
export function proofPath(part: Subtree, treeSize: number): readonly Subtree[] {
  const path: Subtree[] = [];
  let start = 0;
  let end = treeSize;
  while (end !== part.end || start < part.start) {
    const middle = start + splitPoint(end - start);
    if (part.end <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  if (start > part.start) path.push({ start, end });
  return path.reverse();
}

/**
 * The two roots a proof leads to, the part's and the tree's: both grow upwards from the largest subtree that ends where the part
 * ends. A proof leaves that one out when it is the whole part, whose hash the verifier has.
 */
export function climb(
  matched: readonly MatchedHash[],
  part: Subtree,
  partHash: Uint8Array,
): readonly [partRoot: Uint8Array, treeRoot: Uint8Array] {
  let partRoot = partHash;
  let treeRoot = partHash;
  for (const { subtree, hash } of matched) {
    if (subtree.end === part.end) {
      partRoot = hash;
      treeRoot = hash;
    } else if (subtree.end > part.end) {
      treeRoot = nodeHash(treeRoot, hash);
    } else {
      if (subtree.start >= part.start) partRoot = nodeHash(hash, partRoot);
      treeRoot = nodeHash(hash, treeRoot);
    }
  }
  return [partRoot, treeRoot];
}
