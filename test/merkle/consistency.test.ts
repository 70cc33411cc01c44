import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromRootOfConsistency, planConsistency, verifyConsistency } from "../../src/merkle/consistency.ts";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { emptyRootHash, nodeHash } from "../../src/merkle/hash.ts";
import { assembleProof } from "../../src/merkle/proof-plan.ts";
import { expectCode } from "../expect-code.ts";
import { chosenConsistency } from "../reference/large-trees.ts";
import { hex, referenceTree } from "../reference/merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../reference/mutate.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const tree = referenceTree(1500);

function prove(fromSize: number, toSize: number): readonly Uint8Array[] {
  const plan = planConsistency({ fromSize, toSize });
  return assembleProof(plan, plan.nodes.map(hashOf));
}

function claim(fromSize: number, toSize: number) {
  const proof: readonly Uint8Array[] = fromSize === 0 ? [] : tree.proof(fromSize, toSize);
  return { fromSize, fromRoot: tree.root(fromSize), toSize, toRoot: tree.root(toSize), proof };
}

const PAIRS = [
  [1, 2],
  [2, 5],
  [4, 7],
  [6, 7],
  [6, 8],
  [4, 8],
  [100, 130],
] as const;

describe("a consistency proof", () => {
  it("is PROOF(m, D[n]) of RFC 6962 and verifies, for every pair of sizes up to 130", () => {
    const wrong: string[] = [];
    for (let toSize = 1; toSize <= 130; toSize++) {
      for (let fromSize = 1; fromSize <= toSize; fromSize++) {
        if (`${prove(fromSize, toSize).map(hex)}` !== `${tree.proof(fromSize, toSize).map(hex)}`)
          wrong.push(`${fromSize} to ${toSize}`);
        verifyConsistency(claim(fromSize, toSize));
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is so for larger sizes too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1500 }), fc.nat(), (toSize, seed) => {
        const fromSize = 1 + (seed % toSize);
        expect(prove(fromSize, toSize).map(hex)).toEqual(tree.proof(fromSize, toSize).map(hex));
        verifyConsistency(claim(fromSize, toSize));
      }),
    );
  });

  it("does not verify with the root of any other size, on either side", () => {
    for (const [fromSize, toSize] of PAIRS) {
      for (let other = 1; other <= 20; other++) {
        const good = claim(fromSize, toSize);
        const root = tree.root(other);
        if (other !== fromSize)
          expectCode(() => verifyConsistency({ ...good, fromRoot: root }), "PROOF_INVALID");
        if (other !== toSize) expectCode(() => verifyConsistency({ ...good, toRoot: root }), "PROOF_INVALID");
      }
    }
  });

  it("has exactly one length", () => {
    for (const [fromSize, toSize] of PAIRS) {
      const good = claim(fromSize, toSize);
      for (const proof of wrongLengths(good.proof, tree.leafHashes[3]!)) {
        expectCode(() => verifyConsistency({ ...good, proof }), "PROOF_INVALID");
      }
      expectCode(
        () => verifyConsistency({ ...good, proof: [good.fromRoot, ...good.proof] }),
        "PROOF_INVALID",
      );
    }
  });

  it("does not verify with neighbours swapped, or the roots", () => {
    for (const [fromSize, toSize] of PAIRS) {
      const good = claim(fromSize, toSize);
      for (const proof of swappedNeighbours(good.proof)) {
        expectCode(() => verifyConsistency({ ...good, proof }), "PROOF_INVALID");
      }
      const { fromRoot: toRoot, toRoot: fromRoot } = good;
      expectCode(() => verifyConsistency({ ...good, fromRoot, toRoot }), "PROOF_INVALID");
    }
  });

  it("does not verify with any bit flipped, in a proof hash or a root", () => {
    for (const good of [claim(6, 7), claim(4, 7)]) {
      for (let bit = 0; bit < 256; bit++) {
        for (const [at, hash] of good.proof.entries()) {
          const proof = good.proof.with(at, flipBit(hash, bit));
          expectCode(() => verifyConsistency({ ...good, proof }), "PROOF_INVALID");
        }
        expectCode(
          () => verifyConsistency({ ...good, fromRoot: flipBit(good.fromRoot, bit) }),
          "PROOF_INVALID",
        );
        expectCode(() => verifyConsistency({ ...good, toRoot: flipBit(good.toRoot, bit) }), "PROOF_INVALID");
      }
    }
  });

  it("from size 0 is empty and always good, but the empty tree has one root", () => {
    expect(planConsistency({ fromSize: 0, toSize: 9 }).nodes).toEqual([]);
    verifyConsistency(claim(0, 0));
    verifyConsistency(claim(0, 9));
    for (const toSize of [0, 1, 9]) {
      expectCode(() => verifyConsistency({ ...claim(0, toSize), proof: [emptyRootHash()] }), "PROOF_INVALID");
      expectCode(() => verifyConsistency({ ...claim(0, toSize), fromRoot: tree.root(1) }), "PROOF_INVALID");
    }
    expectCode(() => verifyConsistency({ ...claim(0, 0), toRoot: tree.root(1) }), "PROOF_INVALID");
    const sameWrongRoot = { fromRoot: tree.root(1), toRoot: tree.root(1) };
    expectCode(() => verifyConsistency({ ...claim(0, 0), ...sameWrongRoot }), "PROOF_INVALID");
  });

  it("between equal sizes is empty and needs equal roots", () => {
    for (const size of [1, 2, 7, 8]) {
      verifyConsistency(claim(size, size));
      expectCode(
        () => verifyConsistency({ ...claim(size, size), toRoot: tree.root(size + 1) }),
        "PROOF_INVALID",
      );
      expectCode(
        () => verifyConsistency({ ...claim(size, size), proof: [tree.root(size)] }),
        "PROOF_INVALID",
      );
    }
  });

  it("cannot be given for a tree that shrinks", () => {
    const { fromRoot: toRoot, toRoot: fromRoot, proof } = claim(4, 7);
    expectCode(() => verifyConsistency({ fromSize: 7, fromRoot, toSize: 4, toRoot, proof }), "PROOF_INVALID");
    expectCode(
      () => verifyConsistency({ fromSize: 1, fromRoot, toSize: 0, toRoot, proof: [] }),
      "PROOF_INVALID",
    );
    expectCode(() => planConsistency({ fromSize: 7, toSize: 4 }), "ARGUMENT_INVALID");
  });

  it("refuses numbers that are not exact", () => {
    for (const size of [2 ** 53, 2 ** 64, 7.5, -7, Number.NaN]) {
      expectCode(() => verifyConsistency({ ...claim(4, 7), fromSize: size }), "ARGUMENT_INVALID");
      expectCode(() => verifyConsistency({ ...claim(4, 7), toSize: size }), "ARGUMENT_INVALID");
      expectCode(() => planConsistency({ fromSize: 0, toSize: size }), "ARGUMENT_INVALID");
    }
  });

  it("refuses hashes that are not 32 bytes", () => {
    const good = claim(6, 7);
    for (const hash of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)]) {
      expectCode(() => verifyConsistency({ ...good, fromRoot: hash }), "HASH_MALFORMED");
      expectCode(() => verifyConsistency({ ...good, toRoot: hash }), "HASH_MALFORMED");
      expectCode(() => verifyConsistency({ ...good, proof: good.proof.with(1, hash) }), "HASH_MALFORMED");
      expectCode(() => verifyConsistency({ ...claim(0, 9), fromRoot: hash }), "HASH_MALFORMED");
    }
  });
});

describe("consistency of very large trees", () => {
  it("verifies from 2^32 to 2^32 + 1: one hash, to the right", () => {
    const good = chosenConsistency(2 ** 32, 2 ** 32 + 1);
    expect(good.proof.length).toBe(1);
    verifyConsistency(good);
    const toRoot = nodeHash(good.proof[0]!, good.fromRoot);
    expectCode(() => verifyConsistency({ ...good, toRoot }), "PROOF_INVALID");
  });

  it("agrees with BigInt arithmetic at sizes around 2^31, 2^32 and 2^53 - 1", () => {
    const around = (middle: number) => fc.integer({ min: middle - 5, max: Math.min(middle + 5, MAX_SIZE) });
    const anySize = fc.integer({ min: 1, max: MAX_SIZE });
    const sizes = fc.oneof(around(2 ** 31), around(2 ** 32), around(MAX_SIZE), anySize);
    fc.assert(
      fc.property(sizes, sizes, (a, b) => {
        const good = chosenConsistency(Math.min(a, b), Math.max(a, b));
        verifyConsistency(good);
        const plan = planConsistency(good);
        expect(plan.nodesPerHash.length).toBe(good.proof.length);
        expect(plan.nodes.every(({ index }) => Number.isSafeInteger(index))).toBe(true);
      }),
    );
  });
});

describe("fromRootOfConsistency", () => {
  // The logarithm alone is rounded: that of 2^49 - 1 is 49.
  const isPowerOfTwo = (size: number) => 2 ** Math.round(Math.log2(size)) === size;

  it("is the root of the smaller tree, unless the proof leaves it out, for every pair of sizes up to 70", () => {
    for (let toSize = 0; toSize <= 70; toSize++) {
      for (let fromSize = 0; fromSize <= toSize; fromSize++) {
        const isThere = fromSize > 0 && fromSize < toSize && !isPowerOfTwo(fromSize);
        const root = fromRootOfConsistency(claim(fromSize, toSize));
        expect(root && hex(root)).toBe(isThere ? hex(tree.root(fromSize)) : undefined);
      }
    }
  });

  it("is exact up to 2^53 - 1", () => {
    const sizes = fc.integer({ min: 1, max: MAX_SIZE });
    fc.assert(
      fc.property(sizes, sizes, (a, b) => {
        const good = chosenConsistency(Math.min(a, b), Math.max(a, b));
        const isThere = a !== b && !isPowerOfTwo(good.fromSize);
        expect(fromRootOfConsistency(good)).toEqual(isThere ? good.fromRoot : undefined);
      }),
      { examples: [[2 ** 49 - 1, 2 ** 49]] },
    );
  });

  it("is nothing when the proof does not lead to the larger root", () => {
    for (const [fromSize, toSize] of PAIRS) {
      const good = claim(fromSize, toSize);
      const damaged = [
        ...wrongLengths(good.proof, tree.leafHashes[3]!),
        ...swappedNeighbours(good.proof),
        ...good.proof.flatMap((hash, at) => [0, 255].map((bit) => good.proof.with(at, flipBit(hash, bit)))),
      ];
      for (const proof of damaged) expect(fromRootOfConsistency({ ...good, proof })).toBeUndefined();
      expect(fromRootOfConsistency({ ...good, toRoot: good.fromRoot })).toBeUndefined();
      expect(fromRootOfConsistency({ ...good, fromSize: toSize, toSize: fromSize })).toBeUndefined();
    }
  });

  it("comes from nothing but the proof: two proofs to one root give one smaller root", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 200 }), fc.nat(), fc.nat(), fc.nat(), (toSize, from, at, bit) => {
        const good = claim(1 + (from % toSize), toSize);
        if (good.proof.length === 0) return;
        const index = at % good.proof.length;
        const proof = good.proof.with(index, flipBit(good.proof[index]!, bit % 256));
        expect(fromRootOfConsistency({ ...good, proof })).toBeUndefined();
      }),
    );
  });

  it("refuses numbers that are not exact, and hashes that are not 32 bytes", () => {
    const good = claim(6, 7);
    for (const size of [2 ** 53, 7.5, -7]) {
      expectCode(() => fromRootOfConsistency({ ...good, fromSize: size }), "ARGUMENT_INVALID");
      expectCode(() => fromRootOfConsistency({ ...good, toSize: size }), "ARGUMENT_INVALID");
    }
    const short = new Uint8Array(31);
    expectCode(() => fromRootOfConsistency({ ...good, toRoot: short }), "HASH_MALFORMED");
    expectCode(() => fromRootOfConsistency({ ...good, proof: good.proof.with(0, short) }), "HASH_MALFORMED");
  });
});

function hashOf({ level, index }: NodeCoordinate): Uint8Array {
  return tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
}
