/**
 * One proof that many leaves are in a tree. RFC 6962 and RFC 9162 have none: this is PATH of RFC 6962 §2.1.1 with a set of leaves
 * in place of one, each subtree once, from left to right. spec/batch-proof.md
 */
import { TlogError } from "../errors.ts";
import type { Subtree } from "./coordinates.ts";
import { assertHash, hashesEqual, nodeHash } from "./hash.ts";
import { type ProofPlan, planSubtrees } from "./proof-plan.ts";
import { assertIndex, assertSize, splitPoint } from "./sizes.ts";

/** Where leaves are claimed to be. */
export interface LeafPositions {
  /** At least one, ascending, each once. */
  readonly leafIndices: readonly number[];
  readonly treeSize: number;
}

/**
 * Which nodes make the proof.
 * @throws {TlogError} ARGUMENT_INVALID (no indices, not ascending, or one that is not in [0, treeSize))
 */
export function planInclusionBatch({ leafIndices, treeSize }: LeafPositions): ProofPlan {
  assertSize("treeSize", treeSize);
  for (const leafIndex of leafIndices) assertIndex("leafIndices", leafIndex, treeSize);
  if (!isAscending(leafIndices)) {
    throw new TlogError("ARGUMENT_INVALID", "leafIndices: want at least one, ascending, each once");
  }
  const besides: Subtree[] = [];
  walk({ start: 0, end: treeSize, leafIndices, from: 0, to: leafIndices.length }, besides);
  return planSubtrees(besides);
}

/**
 * Proves that all the leaves are in the tree, or throws.
 * @param args.leafHashes - one for each of `leafIndices`, in their order.
 * @param args.proof - as it came from the network.
 * @throws {TlogError} PROOF_INVALID (also: indices that are none, not ascending, or not below treeSize) | HASH_MALFORMED |
 *   ARGUMENT_INVALID (not a safe integer, or not as many leaf hashes as indices)
 */
export function verifyInclusionBatch(
  args: LeafPositions & {
    readonly leafHashes: readonly Uint8Array[];
    readonly rootHash: Uint8Array;
    readonly proof: readonly Uint8Array[];
  },
): void {
  const { leafIndices, treeSize, leafHashes, rootHash, proof } = args;
  assertSize("treeSize", treeSize);
  assertHash("rootHash", rootHash);
  for (const leafIndex of leafIndices) assertSize("leafIndices", leafIndex);
  if (leafHashes.length !== leafIndices.length) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `leafHashes: want ${leafIndices.length}, got ${leafHashes.length}`,
    );
  }
  for (const hash of leafHashes) assertHash("leafHashes", hash);
  for (const hash of proof) assertHash("proof", hash);
  if (!isAscending(leafIndices) || (leafIndices.at(-1) ?? 0) >= treeSize) {
    throw new TlogError("PROOF_INVALID", `want leaves of a tree of size ${treeSize}, ascending, each once`);
  }
  let used = 0;
  const next = (): Uint8Array => {
    const hash = proof[used];
    if (hash === undefined)
      throw new TlogError("PROOF_INVALID", `proof: want more than ${proof.length} hashes`);
    used += 1;
    return hash;
  };
  const whole = { start: 0, end: treeSize, leafIndices, from: 0, to: leafIndices.length };
  const root = rootOf(whole, leafHashes, next);
  if (used !== proof.length) {
    throw new TlogError("PROOF_INVALID", `proof: want ${used} hashes, got ${proof.length}`);
  }
  if (!hashesEqual(root, rootHash)) {
    throw new TlogError("PROOF_INVALID", "the batch proof does not lead to the root hash");
  }
}

/** A subtree and the leaves that are proved in it: leafIndices[from] to leafIndices[to - 1]. */
interface Part extends Subtree {
  readonly leafIndices: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** Collects the largest subtrees that none of the leaves is in, from left to right. No deeper than a tree is high. */
function walk(part: Part, besides: Subtree[]): void {
  if (part.from === part.to) {
    besides.push({ start: part.start, end: part.end });
  } else if (part.end - part.start > 1) {
    const [left, right] = halves(part);
    walk(left, besides);
    walk(right, besides);
  }
}

/** As `walk`, hashing on the way back. @param next - the next hash of the proof. */
function rootOf(part: Part, leafHashes: readonly Uint8Array[], next: () => Uint8Array): Uint8Array {
  if (part.from === part.to) return next();
  if (part.end - part.start === 1) return leafHashes[part.from] ?? next();
  const [left, right] = halves(part);
  const leftRoot = rootOf(left, leafHashes, next);
  return nodeHash(leftRoot, rootOf(right, leafHashes, next));
}

function halves(part: Part): readonly [Part, Part] {
  const middle = part.start + splitPoint(part.end - part.start);
  let split = part.from;
  while (split < part.to && (part.leafIndices[split] ?? middle) < middle) split += 1;
  return [
    { ...part, end: middle, to: split },
    { ...part, start: middle, from: split },
  ];
}

function isAscending(indices: readonly number[]): boolean {
  for (let at = 1; at < indices.length; at++) if ((indices[at] ?? 0) <= (indices[at - 1] ?? 0)) return false;
  return indices.length > 0;
}
