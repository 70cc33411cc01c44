import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { planInclusion } from "../../src/merkle/inclusion.ts";
import { planInclusionBatch, verifyInclusionBatch } from "../../src/merkle/inclusion-batch.ts";
import { assembleProof } from "../../src/merkle/proof-plan.ts";
import { expectCode } from "../expect-code.ts";
import { batchPath, hex, referenceTree } from "../reference/merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../reference/mutate.ts";
import { runs } from "../runs.ts";

const tree = referenceTree(600);

function claim(leafIndices: readonly number[], treeSize: number) {
  const plan = planInclusionBatch({ leafIndices, treeSize });
  const proof = assembleProof(plan, plan.nodes.map(hashOf));
  const leafHashes = leafIndices.map((leafIndex) => tree.leafHashes[leafIndex]!);
  return { leafIndices, treeSize, leafHashes, rootHash: tree.root(treeSize), proof };
}

const batches = fc.integer({ min: 1, max: 600 }).chain((treeSize) =>
  fc.record({
    treeSize: fc.constant(treeSize),
    leafIndices: fc
      .uniqueArray(fc.nat({ max: treeSize - 1 }), { minLength: 1, maxLength: 40 })
      .map((indices) => indices.toSorted((a, b) => a - b)),
  }),
);

describe("a batch proof", () => {
  it("is what the definition says and verifies, for every set of leaves of every size up to 9", () => {
    for (let treeSize = 1; treeSize <= 9; treeSize++) {
      for (let set = 1; set < 2 ** treeSize; set++) {
        const leafIndices = Array.from({ length: treeSize }, (_, at) => at).filter(
          (at) => Math.floor(set / 2 ** at) % 2 === 1,
        );
        const good = claim(leafIndices, treeSize);
        expect(good.proof.map(hex)).toEqual(batchPath(tree, leafIndices, 0, treeSize).map(hex));
        verifyInclusionBatch(good);
      }
    }
  });

  it("is so for larger trees, has no hash twice, and none that the single proofs do not have", () => {
    fc.assert(
      fc.property(batches, ({ leafIndices, treeSize }) => {
        const good = claim(leafIndices, treeSize);
        verifyInclusionBatch(good);
        const hashes = good.proof.map(hex);
        expect(hashes).toEqual(batchPath(tree, leafIndices, 0, treeSize).map(hex));
        expect(new Set(hashes).size).toBe(hashes.length);
        const single = new Set(leafIndices.flatMap((leaf) => tree.path(leaf, 0, treeSize).map(hex)));
        expect(hashes.filter((hash) => !single.has(hash))).toEqual([]);
        if (leafIndices.length === 1) expect(hashes.toSorted()).toEqual([...single].toSorted());
      }),
    );
  });

  it("does not verify with a hash missing, added, changed or swapped, nor with another leaf, index, size or root", () => {
    fc.assert(
      fc.property(batches, fc.nat(), ({ leafIndices, treeSize }, seed) => {
        const good = claim(leafIndices, treeSize);
        const bad = (change: Partial<typeof good>) =>
          expectCode(() => verifyInclusionBatch({ ...good, ...change }), "PROOF_INVALID");
        for (const proof of wrongLengths(good.proof, good.proof[0] ?? good.rootHash)) bad({ proof });
        for (const proof of swappedNeighbours(good.proof)) bad({ proof });
        for (const at of good.proof.keys()) {
          bad({ proof: good.proof.with(at, flipBit(good.proof[at]!, seed % 256)) });
        }
        for (const at of good.leafHashes.keys()) {
          bad({ leafHashes: good.leafHashes.with(at, flipBit(good.leafHashes[at]!, seed % 256)) });
        }
        bad({ rootHash: flipBit(good.rootHash, seed % 256) });
        bad({ leafIndices: leafIndices.with(-1, treeSize) });
        if (leafIndices.length > 1) {
          bad({ leafIndices: leafIndices.toReversed() });
          bad({ leafIndices: leafIndices.with(1, leafIndices[0]!) });
        }
        const free = Array.from({ length: treeSize }, (_, at) => at).filter(
          (at) => !leafIndices.includes(at),
        );
        for (const other of free.slice(0, 20)) {
          bad({ leafIndices: leafIndices.with(seed % leafIndices.length, other).toSorted((a, b) => a - b) });
        }
      }),
      { numRuns: runs(12) },
    );
  });

  it("is none without leaves, for sizes that are not exact, and for hashes of another length", () => {
    const good = claim([1, 4], 7);
    const none = { ...good, leafIndices: [], leafHashes: [] };
    expectCode(() => verifyInclusionBatch({ ...none, proof: [good.rootHash] }), "PROOF_INVALID");
    expectCode(() => verifyInclusionBatch({ ...good, leafHashes: [] }), "ARGUMENT_INVALID");
    expectCode(() => verifyInclusionBatch({ ...good, leafIndices: [0.5, 4] }), "ARGUMENT_INVALID");
    expectCode(() => verifyInclusionBatch({ ...good, treeSize: 2 ** 53 }), "ARGUMENT_INVALID");
    const short = new Uint8Array(31);
    expectCode(() => verifyInclusionBatch({ ...good, proof: good.proof.with(0, short) }), "HASH_MALFORMED");
    expectCode(() => verifyInclusionBatch({ ...good, rootHash: short }), "HASH_MALFORMED");
    expectCode(() => verifyInclusionBatch({ ...good, leafHashes: [short, short] }), "HASH_MALFORMED");
    for (const leafIndices of [[], [1, 1], [4, 1], [7], [-1]]) {
      expectCode(() => planInclusionBatch({ leafIndices, treeSize: 7 }), "ARGUMENT_INVALID");
    }
  });

  it("is planned in trees no one can build as single proofs are", () => {
    const treeSize = 2 ** 53 - 1;
    for (const leafIndex of [0, 2 ** 32, 2 ** 52, treeSize - 1]) {
      const batch = planInclusionBatch({ leafIndices: [leafIndex], treeSize }).nodes;
      const single = planInclusion({ leafIndex, treeSize }).nodes;
      const inOrder = single.toSorted((a, b) => a.index * 2 ** a.level - b.index * 2 ** b.level);
      expect(batch).toEqual(inOrder);
    }
  });
});

function hashOf({ level, index }: NodeCoordinate): Uint8Array {
  return tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
}
