import { batchPath, hex, type ReferenceTree, referenceTree, sha256 } from "../merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../mutate.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const EXTRA = sha256(new TextEncoder().encode("one hash too many"));

const SETS = [
  [[0], 1],
  [[0], 2],
  [[0, 1], 2],
  [[1], 3],
  [[0, 2], 3],
  [[2], 7],
  [[0, 1], 7],
  [[1, 4], 7],
  [[1, 2, 6], 7],
  [[0, 1, 2, 3, 4, 5, 6], 7],
  [[3, 4], 8],
  [[0, 63, 64, 99], 100],
  [[255, 256], 257],
  [[7, 300, 301, 777, 999], 1000],
] as const;

interface Batch {
  readonly leafIndices: readonly number[];
  readonly treeSize: number;
  readonly leafHashes: readonly Uint8Array[];
  readonly rootHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Batch proofs that must verify and ones that must not. */
export function merkleBatchVectors(): readonly VectorFile[] {
  const tree = referenceTree(1000);
  return [
    {
      name: "merkle-inclusion-batch",
      description:
        "spec/batch-proof.md: does the proof lead from all of leafHashes, the leaves at leafIndices, to rootHash?",
      cases: [
        ...SETS.map(([leafIndices, treeSize]) =>
          batchCase(`leaves ${leafIndices} of ${treeSize}`, batchOf(tree, leafIndices, treeSize)),
        ),
        ...badCases(batchOf(tree, [1, 4], 7)),
      ],
    },
  ];
}

function badCases(good: Batch): readonly VectorCase[] {
  const cases: VectorCase[] = [];
  const bad = (name: string, change: Partial<Batch>, error = "PROOF_INVALID") => {
    cases.push(batchCase(name, { ...good, ...change }, error));
  };
  for (const [at, proof] of wrongLengths(good.proof, EXTRA).entries()) bad(`wrong length ${at}`, { proof });
  for (const [at, proof] of swappedNeighbours(good.proof).entries()) bad(`swapped at ${at}`, { proof });
  bad("a hash twice", { proof: [...good.proof.slice(0, 1), ...good.proof] });
  for (const [at, hash] of good.proof.entries()) {
    bad(`bit 0 of hash ${at} flipped`, { proof: good.proof.with(at, flipBit(hash, 0)) });
    bad(`hash ${at} of 31 bytes`, { proof: good.proof.with(at, hash.subarray(1)) }, "HASH_MALFORMED");
  }
  bad("no leaves", { leafIndices: [], leafHashes: [], proof: [good.rootHash] });
  bad("an index twice", { leafIndices: [1, 1] });
  bad("indices descending", { leafIndices: [4, 1], leafHashes: good.leafHashes.toReversed() });
  bad("an index equal to the size", { leafIndices: [1, 7] });
  bad("another index", { leafIndices: [1, 5] });
  bad("leaf hashes swapped", { leafHashes: good.leafHashes.toReversed() });
  bad("another size", { treeSize: 6 });
  bad("another root", { rootHash: flipBit(good.rootHash, 0) });
  bad("a leaf hash too few", { leafHashes: good.leafHashes.slice(1) }, "ARGUMENT_INVALID");
  bad("size of 2^53", { treeSize: 2 ** 53 }, "ARGUMENT_INVALID");
  return cases;
}

function batchOf(tree: ReferenceTree, leafIndices: readonly number[], treeSize: number): Batch {
  return {
    leafIndices,
    treeSize,
    leafHashes: leafIndices.map((leaf) => tree.hash(leaf, leaf + 1)),
    rootHash: tree.root(treeSize),
    proof: batchPath(tree, leafIndices, 0, treeSize),
  };
}

function batchCase(name: string, claim: Batch, error?: string): VectorCase {
  const { leafIndices, treeSize, leafHashes, rootHash, proof } = claim;
  const members = {
    name,
    leafIndices,
    treeSize,
    leafHashes: leafHashes.map(hex),
    rootHash: hex(rootHash),
    proof: proof.map(hex),
  };
  return error === undefined ? members : { ...members, error };
}
