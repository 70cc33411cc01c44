/**
 * The walk behind every proof: from the root down to a part of the tree, and back up. The part of an inclusion proof is a leaf,
 * that of a consistency proof the smaller tree, that of a subtree's any valid subtree: PATH and PROOF of RFC 6962 §2.1.1 and
 * §2.1.2 are SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs §4.4 for [m, m + 1) and [0, m).
 */
import { sha256Into } from "#crypto";
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, HASH_BYTES, NODE_PREFIX } from "./hash.ts";
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

/** Where a proof leads, 32 bytes each, in memory of their own. */
export interface ProvedRoots {
  readonly partRoot: Uint8Array;
  readonly treeRoot: Uint8Array;
}

/**
 * The two roots a proof leads to, the part's and the tree's: both grow upwards from the largest subtree that ends where the part
 * ends. A proof leaves that one out when it is the whole part, whose hash the verifier has.
 * @param args.part - a valid subtree of the tree, not empty.
 * @param args.proof - as it came from the network: the hashes of {@link proofPath}, one for one.
 * @throws {TlogError} PROOF_INVALID (too many hashes, or too few) | HASH_MALFORMED
 */
export function climb(args: {
  readonly part: Subtree;
  readonly partHash: Uint8Array;
  readonly treeSize: number;
  readonly proof: readonly Uint8Array[];
}): ProvedRoots {
  const { proof } = args;
  const count = placeProof(args.part, args.treeSize);
  if (proof.length !== count) {
    throw new TlogError("PROOF_INVALID", `proof: want ${count} hashes, got ${proof.length}`);
  }
  for (const hash of proof) assertHash("proof", hash);
  const isLowestGiven = places[0] === LOWEST && count > 0;
  const lowest = (isLowestGiven ? proof[0] : undefined) ?? args.partHash;
  let at = isLowestGiven ? 1 : 0;
  partInput.set(lowest, RIGHT_CHILD);
  treeInput.set(lowest, childAt(at));
  for (; at < count; at++) {
    const hash = proof[at] ?? lowest;
    if (places[at] === WITHIN) {
      partInput.set(hash, LEFT_CHILD);
      sha256Into(partInput, partInput, RIGHT_CHILD);
    }
    treeInput.set(hash, LEFT_CHILD + RIGHT_CHILD - childAt(at));
    sha256Into(treeInput, treeInput, childAt(at + 1));
  }
  return {
    partRoot: partInput.slice(RIGHT_CHILD, RIGHT_CHILD + HASH_BYTES),
    treeRoot: treeInput.slice(childAt(count), childAt(count) + HASH_BYTES),
  };
}

/** The largest subtree that ends where the part ends: where both roots begin. */
const LOWEST = 0;
/** To the left of both roots so far, and in the part. */
const WITHIN = 1;
/** To the left of the tree's root so far, and of the part. */
const LEFT = 2;
/** To the right of the tree's root so far. */
const RIGHT = 3;

// All of these are written and read in one synchronous call. Each digest is written to where the next one's input has it: a node
// costs one copy, of its sibling.  RFC 6962 §2.1
const LEFT_CHILD = 1;
const RIGHT_CHILD = LEFT_CHILD + HASH_BYTES;
const partInput = new Uint8Array(RIGHT_CHILD + HASH_BYTES).fill(NODE_PREFIX, 0, 1);
const treeInput = new Uint8Array(RIGHT_CHILD + HASH_BYTES).fill(NODE_PREFIX, 0, 1);
// A proof has at most one hash a level, of which there are 53, and the lowest.
const places = new Uint8Array(64);

/** Where the input of proof hash `at` has the tree's root so far; behind the last one, either side will do. */
function childAt(at: number): number {
  return places[at] === RIGHT ? LEFT_CHILD : RIGHT_CHILD;
}

/**
 * Fills `places` for each hash of the proof, with the part's first and last leaf and the tree's last one followed up the levels.
 * draft-ietf-plants-merkle-tree-certs §4.4.2
 * @returns how many hashes the proof has.
 */
function placeProof(part: Subtree, treeSize: number): number {
  let first = part.start;
  let last = part.end - 1;
  let end = treeSize - 1;
  let count = 0;
  while (first !== last && (last === end || last % 2 === 1)) {
    first = half(first);
    last = half(last);
    end = half(end);
  }
  if (first !== last) places[count++] = LOWEST;
  while (end > 0) {
    const isLeftChild = last % 2 === 0;
    if (isLeftChild && last < end) places[count++] = RIGHT;
    // At the tree's right edge a node without a sibling is its own parent.
    else if (!isLeftChild) places[count++] = first < last ? WITHIN : LEFT;
    first = half(first);
    last = half(last);
    end = half(end);
  }
  return count;
}

function half(index: number): number {
  return Math.floor(index / 2);
}
