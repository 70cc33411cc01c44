/** Proofs that mutations change: whatever is not the one right proof must be refused. */
import { TlogError } from "../../../src/errors.ts";
import { verifyConsistency } from "../../../src/merkle/consistency.ts";
import { verifyInclusion } from "../../../src/merkle/inclusion.ts";
import { verifyInclusionBatch } from "../../../src/merkle/inclusion-batch.ts";
import { verifySubtreeConsistency } from "../../../src/merkle/subtree.ts";
import { batchPath, referenceTree } from "../../reference/merkle.ts";
import { Fault, type Target } from "../target.ts";

const SIZE = 70;
const tree = referenceTree(SIZE);
const HASH_BYTES = 32;

/**
 * An input is two numbers, a third, and what is done to the hashes of the right proof: a byte for how many hashes there are more or
 * fewer (128: none), then bytes that are added to theirs.
 */
export const PROOFS: readonly Target[] = [
  {
    name: "inclusion",
    seeds: () => [
      Uint8Array.of(40, 17, 0, 128),
      Uint8Array.of(64, 63, 0, 128),
      Uint8Array.of(1, 0, 0, 127, 1),
    ],
    run(input) {
      const [treeSize, leafIndex] = numbers(input);
      if (treeSize < 1 || leafIndex >= treeSize) return;
      const { proof, isRight } = damaged(tree.path(leafIndex, 0, treeSize), input);
      const leafHash = tree.hash(leafIndex, leafIndex + 1);
      hold(isRight, () =>
        verifyInclusion({ leafIndex, treeSize, leafHash, rootHash: tree.root(treeSize), proof }),
      );
    },
  },
  {
    name: "consistency",
    seeds: () => [
      Uint8Array.of(40, 17, 0, 128),
      Uint8Array.of(64, 32, 0, 128),
      Uint8Array.of(64, 64, 0, 128),
    ],
    run(input) {
      const [toSize, fromSize] = numbers(input);
      if (fromSize < 1 || fromSize > toSize) return;
      const { proof, isRight } = damaged(tree.proof(fromSize, toSize), input);
      const roots = { fromRoot: tree.root(fromSize), toRoot: tree.root(toSize) };
      hold(isRight, () => verifyConsistency({ fromSize, toSize, ...roots, proof }));
    },
  },
  {
    name: "inclusion-batch",
    seeds: () => [Uint8Array.of(40, 17, 3, 128), Uint8Array.of(64, 0, 64, 128)],
    run(input) {
      const [treeSize, first, step] = numbers(input);
      if (treeSize < 1 || first >= treeSize) return;
      const leafIndices: number[] = [];
      for (let index = first; index < treeSize; index += step + 1) leafIndices.push(index);
      const { proof, isRight } = damaged(batchPath(tree, leafIndices, 0, treeSize), input);
      const leafHashes = leafIndices.map((index) => tree.hash(index, index + 1));
      const rootHash = tree.root(treeSize);
      hold(isRight, () => verifyInclusionBatch({ leafIndices, treeSize, leafHashes, rootHash, proof }));
    },
  },
  {
    name: "subtree",
    seeds: () => [Uint8Array.of(40, 8, 5, 128), Uint8Array.of(64, 0, 32, 128)],
    run(input) {
      const [treeSize, start, length] = numbers(input);
      const end = start + length;
      const width = 2 ** Math.ceil(Math.log2(Math.max(1, length)));
      if (treeSize < 1 || length < 1 || end > treeSize || start % width !== 0) return;
      const { proof, isRight } = damaged(tree.subtreeProof(start, end, treeSize), input);
      const hashes = { subtreeHash: tree.hash(start, end), rootHash: tree.root(treeSize) };
      hold(isRight, () => verifySubtreeConsistency({ start, end, treeSize, ...hashes, proof }));
    },
  },
];

function numbers([size = 0, first = 0, second = 0]: Uint8Array): readonly [number, number, number] {
  return [size % (SIZE + 1), first % (SIZE + 1), second % (SIZE + 1)];
}

function damaged(
  right: readonly Uint8Array[],
  input: Uint8Array,
): { readonly proof: readonly Uint8Array[]; readonly isRight: boolean } {
  const more = (input[3] ?? 128) - 128;
  const added = input.subarray(4, 4 + 64 * HASH_BYTES);
  const count = Math.max(0, Math.min(80, right.length + more));
  const proof = Array.from({ length: count }, (_, at) => {
    const hash = right[at] ?? new Uint8Array(HASH_BYTES);
    return hash.map((byte, index) => byte + (added[at * HASH_BYTES + index] ?? 0));
  });
  const isRight =
    proof.length === right.length && proof.every((hash, at) => Buffer.compare(hash, right[at] ?? hash) === 0);
  return { proof, isRight };
}

function hold(isRight: boolean, verify: () => void): void {
  let refused: TlogError | undefined;
  try {
    verify();
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    refused = error;
  }
  if (isRight && refused !== undefined) throw new Fault(`refused the right proof: ${refused.message}`);
  if (!isRight && refused === undefined) throw new Fault("took a wrong proof");
}
