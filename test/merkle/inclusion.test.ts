import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { planInclusion, rootFromInclusion, verifyInclusion } from "../../src/merkle/inclusion.ts";
import { assembleProof } from "../../src/merkle/proof-plan.ts";
import { expectCode } from "../expect-code.ts";
import { chosenInclusion } from "../reference/large-trees.ts";
import { hex, referenceTree } from "../reference/merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../reference/mutate.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const tree = referenceTree(1500);

function prove(leafIndex: number, treeSize: number): readonly Uint8Array[] {
  const plan = planInclusion({ leafIndex, treeSize });
  return assembleProof(plan, plan.nodes.map(hashOf));
}

function claim(leafIndex: number, treeSize: number) {
  const leafHash = tree.leafHashes[leafIndex]!;
  const proof: readonly Uint8Array[] = tree.path(leafIndex, 0, treeSize);
  return { leafIndex, treeSize, leafHash, rootHash: tree.root(treeSize), proof };
}

describe("an inclusion proof", () => {
  it("is PATH(m, D[n]) of RFC 6962 and verifies, for every leaf of every size up to 130", () => {
    const wrong: string[] = [];
    for (let treeSize = 1; treeSize <= 130; treeSize++) {
      for (let leafIndex = 0; leafIndex < treeSize; leafIndex++) {
        if (`${prove(leafIndex, treeSize).map(hex)}` !== `${tree.path(leafIndex, 0, treeSize).map(hex)}`)
          wrong.push(`${leafIndex} of ${treeSize}`);
        verifyInclusion(claim(leafIndex, treeSize));
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is so for larger sizes too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1500 }), fc.nat(), (treeSize, seed) => {
        const leafIndex = seed % treeSize;
        expect(prove(leafIndex, treeSize).map(hex)).toEqual(tree.path(leafIndex, 0, treeSize).map(hex));
        verifyInclusion(claim(leafIndex, treeSize));
      }),
    );
  });

  it("does not verify for any other leaf of the tree", () => {
    for (let treeSize = 1; treeSize <= 20; treeSize++) {
      for (let leafIndex = 0; leafIndex < treeSize; leafIndex++) {
        for (let other = 0; other < treeSize; other++) {
          if (other === leafIndex) continue;
          expectCode(
            () => verifyInclusion({ ...claim(leafIndex, treeSize), leafIndex: other }),
            "PROOF_INVALID",
          );
        }
      }
    }
  });

  it("does not verify against the root of any other size", () => {
    for (let treeSize = 1; treeSize <= 20; treeSize++) {
      for (let other = 1; other <= 20; other++) {
        if (other === treeSize) continue;
        const damaged = { ...claim(treeSize - 1, treeSize), rootHash: tree.root(other) };
        expectCode(() => verifyInclusion(damaged), "PROOF_INVALID");
      }
    }
  });

  it("has exactly one length", () => {
    for (const [leafIndex, treeSize] of [
      [0, 1],
      [0, 2],
      [4, 5],
      [6, 7],
      [5, 8],
      [100, 130],
    ] as const) {
      const good = claim(leafIndex, treeSize);
      for (const proof of wrongLengths(good.proof, tree.leafHashes[3]!)) {
        expectCode(() => verifyInclusion({ ...good, proof }), "PROOF_INVALID");
      }
      expectCode(() => verifyInclusion({ ...good, proof: [...good.proof, good.rootHash] }), "PROOF_INVALID");
    }
  });

  it("does not verify with neighbours swapped", () => {
    for (const [leafIndex, treeSize] of [
      [4, 7],
      [5, 8],
      [100, 130],
    ] as const) {
      const good = claim(leafIndex, treeSize);
      for (const proof of swappedNeighbours(good.proof)) {
        expectCode(() => verifyInclusion({ ...good, proof }), "PROOF_INVALID");
      }
    }
  });

  it("does not verify with any bit flipped, in a proof hash, the leaf hash or the root", () => {
    const good = claim(4, 7);
    for (let bit = 0; bit < 256; bit++) {
      for (const [at, hash] of good.proof.entries()) {
        const proof = good.proof.with(at, flipBit(hash, bit));
        expectCode(() => verifyInclusion({ ...good, proof }), "PROOF_INVALID");
      }
      expectCode(() => verifyInclusion({ ...good, leafHash: flipBit(good.leafHash, bit) }), "PROOF_INVALID");
      expectCode(() => verifyInclusion({ ...good, rootHash: flipBit(good.rootHash, bit) }), "PROOF_INVALID");
    }
  });

  it("cannot be given for a leaf index equal to the tree size, not even empty", () => {
    const leafHash = tree.leafHashes[0]!;
    const damaged = { leafIndex: 1, treeSize: 1, leafHash, rootHash: leafHash, proof: [] };
    expectCode(() => verifyInclusion(damaged), "PROOF_INVALID");
    expectCode(() => rootFromInclusion(damaged), "PROOF_INVALID");
    expectCode(() => verifyInclusion({ ...damaged, leafIndex: 0, treeSize: 0 }), "PROOF_INVALID");
    expectCode(() => planInclusion({ leafIndex: 1, treeSize: 1 }), "ARGUMENT_INVALID");
    expectCode(() => planInclusion({ leafIndex: 0, treeSize: 0 }), "ARGUMENT_INVALID");
  });

  it("refuses numbers that are not exact", () => {
    const good = claim(4, 7);
    for (const treeSize of [2 ** 53, 2 ** 64, 7.5, -7, Number.NaN]) {
      expectCode(() => verifyInclusion({ ...good, treeSize }), "ARGUMENT_INVALID");
      expectCode(() => planInclusion({ leafIndex: 0, treeSize }), "ARGUMENT_INVALID");
    }
    for (const leafIndex of [-1, 0.5, 2 ** 53]) {
      expectCode(() => verifyInclusion({ ...good, leafIndex }), "ARGUMENT_INVALID");
      expectCode(() => planInclusion({ leafIndex, treeSize: 7 }), "ARGUMENT_INVALID");
    }
  });

  it("refuses hashes that are not 32 bytes", () => {
    const good = claim(4, 7);
    for (const hash of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)]) {
      expectCode(() => verifyInclusion({ ...good, leafHash: hash }), "HASH_MALFORMED");
      expectCode(() => verifyInclusion({ ...good, rootHash: hash }), "HASH_MALFORMED");
      expectCode(() => verifyInclusion({ ...good, proof: good.proof.with(1, hash) }), "HASH_MALFORMED");
    }
  });

  it("reads views of a larger buffer as what they show", () => {
    const good = claim(4, 7);
    const shifted = (hash: Uint8Array) => Uint8Array.of(0, ...hash, 0).subarray(1, 33);
    verifyInclusion({
      ...good,
      leafHash: shifted(good.leafHash),
      rootHash: shifted(good.rootHash),
      proof: good.proof.map(shifted),
    });
  });
});

describe("inclusion in very large trees", () => {
  it("verifies leaf 2^40 of a tree of 2^45 leaves, with chosen siblings", () => {
    const good = chosenInclusion(2 ** 40, 2 ** 45);
    expect(good.proof.length).toBe(45);
    verifyInclusion(good);
    for (const leafIndex of [0, 2 ** 40 + 1, 2 ** 41, 2 ** 45 - 1, 2 ** 45]) {
      expectCode(() => verifyInclusion({ ...good, leafIndex }), "PROOF_INVALID");
    }
  });

  it("agrees with BigInt arithmetic at sizes around 2^31, 2^32 and 2^53 - 1", () => {
    const around = (middle: number) => fc.integer({ min: middle - 5, max: Math.min(middle + 5, MAX_SIZE) });
    const anySize = fc.integer({ min: 1, max: MAX_SIZE });
    const sizes = fc.oneof(around(2 ** 31), around(2 ** 32), around(MAX_SIZE), anySize);
    fc.assert(
      fc.property(sizes, fc.nat({ max: MAX_SIZE }), fc.boolean(), (treeSize, seed, isNearEnd) => {
        const leafIndex = isNearEnd ? Math.max(treeSize - 1 - (seed % 5), 0) : seed % treeSize;
        const good = chosenInclusion(leafIndex, treeSize);
        verifyInclusion(good);

        const plan = planInclusion({ leafIndex, treeSize });
        expect(plan.nodesPerHash.length).toBe(good.proof.length);
        let leaves = 1n;
        for (const { level, index } of plan.nodes) {
          expect(Number.isSafeInteger(index)).toBe(true);
          leaves += 2n ** BigInt(level);
        }
        expect(leaves).toBe(BigInt(treeSize));
      }),
    );
  });
});

function hashOf({ level, index }: NodeCoordinate): Uint8Array {
  return tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
}
