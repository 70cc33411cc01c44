import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { assembleProof, type ProofPlan } from "../../src/merkle/proof-plan.ts";
import {
  isValidSubtree,
  planSubtreeConsistency,
  planSubtreeInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from "../../src/merkle/subtree.ts";
import { expectCode } from "../expect-code.ts";
import { chosenSubtree } from "../reference/large-trees.ts";
import { hex, referenceTree } from "../reference/merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../reference/mutate.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const tree = referenceTree(1500);
const UNSAFE = [2 ** 53, 2 ** 64, 7.5, -7, Number.NaN];

function assemble(plan: ProofPlan): readonly string[] {
  return assembleProof(plan, plan.nodes.map(hashOf)).map(hex);
}

function claim(start: number, end: number, treeSize: number) {
  const [subtreeHash, rootHash] = [tree.hash(start, end), tree.root(treeSize)];
  return { start, end, subtreeHash, treeSize, rootHash, proof: tree.subtreeProof(start, end, treeSize) };
}

function inclusion(leafIndex: number, start: number, end: number) {
  const [leafHash, subtreeHash] = [tree.hash(leafIndex, leafIndex + 1), tree.hash(start, end)];
  return { leafIndex, start, end, leafHash, subtreeHash, proof: tree.path(leafIndex - start, start, end) };
}

/** §4.1, word for word: "start is a multiple of BIT_CEIL(end - start)", the smallest power of two that is not smaller. */
function isValidByDefinition(start: number, end: number): boolean {
  let ceil = 1;
  while (ceil < end - start) ceil *= 2;
  return start < end && start % ceil === 0;
}

/** All valid subtrees of a tree. */
function subtreesOf(treeSize: number) {
  const all = [];
  for (let end = 1; end <= treeSize; end++)
    for (let start = 0; start < end; start++) if (isValidByDefinition(start, end)) all.push({ start, end });
  return all;
}

/** A valid subtree of a tree of at most `maxSize` leaves. */
function anySubtree(maxSize: number) {
  return fc
    .record({
      level: fc.integer({ min: 0, max: Math.min(52, Math.floor(Math.log2(maxSize))) }),
      place: fc.maxSafeNat(),
      cut: fc.maxSafeNat(),
      more: fc.maxSafeNat(),
    })
    .map(({ level, place, cut, more }) => {
      const width = 2 ** level;
      const start = (place % Math.floor(maxSize / width)) * width;
      const end = start + width - (cut % Math.ceil(width / 2));
      return { start, end, treeSize: end + (more % (maxSize - end + 1)) };
    });
}

const EXAMPLES = [
  [8, 13, 14],
  [0, 6, 7],
  [4, 6, 7],
  [6, 7, 7],
  [4, 7, 7],
  [64, 100, 130],
  [0, 100, 130],
] as const;

describe("isValidSubtree", () => {
  it("is the definition, for every range up to 130", () => {
    const wrong: string[] = [];
    for (let end = 0; end <= 130; end++) {
      for (let start = 0; start <= 130; start++)
        if (isValidSubtree({ start, end }) !== isValidByDefinition(start, end))
          wrong.push(`${start} to ${end}`);
    }
    expect(wrong).toEqual([]);
  });

  it("is exact for large numbers, and false for those that are not exact", () => {
    expect(isValidSubtree({ start: 2 ** 52, end: MAX_SIZE })).toBe(true);
    expect(isValidSubtree({ start: 2 ** 51, end: 2 ** 51 + 2 ** 51 })).toBe(true);
    expect(isValidSubtree({ start: 2 ** 51, end: 2 ** 51 + 2 ** 51 + 1 })).toBe(false);
    expect(isValidSubtree({ start: 1, end: MAX_SIZE })).toBe(false);
    for (const number of UNSAFE) {
      expect(isValidSubtree({ start: 0, end: number })).toBe(false);
      expect(isValidSubtree({ start: number, end: 8 })).toBe(false);
    }
  });
});

describe("a consistency proof of a subtree", () => {
  it("is SUBTREE_PROOF of the draft and verifies, for every subtree of every tree up to 48 leaves", () => {
    for (let treeSize = 1; treeSize <= 48; treeSize++) {
      for (const { start, end } of subtreesOf(treeSize)) {
        const good = claim(start, end, treeSize);
        expect(assemble(planSubtreeConsistency(good))).toEqual(good.proof.map(hex));
        verifySubtreeConsistency(good);
      }
    }
  });

  it("is so for larger trees too", () => {
    fc.assert(
      fc.property(anySubtree(1500), ({ start, end, treeSize }) => {
        const good = claim(start, end, treeSize);
        expect(assemble(planSubtreeConsistency(good))).toEqual(good.proof.map(hex));
        verifySubtreeConsistency(good);
      }),
    );
  });

  it("agrees with BigInt arithmetic up to 2^53 - 1, in at most 63 hashes", () => {
    fc.assert(
      fc.property(anySubtree(MAX_SIZE), ({ start, end, treeSize }) => {
        const good = chosenSubtree(start, end, treeSize);
        verifySubtreeConsistency(good);
        expect(planSubtreeConsistency(good).nodesPerHash.length).toBe(good.proof.length);
        expect(good.proof.length).toBeLessThanOrEqual(63);
      }),
    );
  });

  it("does not verify for any other subtree of the tree", () => {
    for (const [start, end, treeSize] of EXAMPLES) {
      const good = claim(start, end, treeSize);
      for (const other of subtreesOf(20)) {
        if (other.start === start && other.end === end) continue;
        expectCode(() => verifySubtreeConsistency({ ...good, ...other }), "PROOF_INVALID");
        const subtreeHash = tree.hash(other.start, other.end);
        expectCode(() => verifySubtreeConsistency({ ...good, subtreeHash }), "PROOF_INVALID");
      }
    }
  });

  it("has exactly one length and one order, and holds no bit too few", () => {
    for (const [start, end, treeSize] of EXAMPLES) {
      const good = claim(start, end, treeSize);
      const damaged = [
        ...wrongLengths(good.proof, tree.leafHashes[3]!),
        ...swappedNeighbours(good.proof),
        ...good.proof.flatMap((hash, at) =>
          [0, 100, 255].map((bit) => good.proof.with(at, flipBit(hash, bit))),
        ),
      ];
      for (const proof of damaged)
        expectCode(() => verifySubtreeConsistency({ ...good, proof }), "PROOF_INVALID");
      for (const bit of [0, 255]) {
        const subtreeHash = flipBit(good.subtreeHash, bit);
        expectCode(() => verifySubtreeConsistency({ ...good, subtreeHash }), "PROOF_INVALID");
        const rootHash = flipBit(good.rootHash, bit);
        expectCode(() => verifySubtreeConsistency({ ...good, rootHash }), "PROOF_INVALID");
      }
    }
  });

  it("is refused for what is no subtree of the tree", () => {
    const good = claim(8, 13, 14);
    for (const { start, end } of [
      { start: 4, end: 13 },
      { start: 8, end: 15 },
      { start: 8, end: 17 },
      { start: 8, end: 8 },
      { start: 0, end: 0 },
      { start: 13, end: 8 },
    ]) {
      expectCode(() => verifySubtreeConsistency({ ...good, start, end }), "PROOF_INVALID");
      expectCode(() => planSubtreeConsistency({ start, end, treeSize: 14 }), "ARGUMENT_INVALID");
    }
    expectCode(() => verifySubtreeConsistency({ ...good, treeSize: 12 }), "PROOF_INVALID");
  });

  it("refuses numbers that are not exact, and hashes that are not 32 bytes", () => {
    const good = claim(8, 13, 14);
    for (const number of UNSAFE) {
      for (const member of ["start", "end", "treeSize"]) {
        expectCode(() => verifySubtreeConsistency({ ...good, [member]: number }), "ARGUMENT_INVALID");
        expectCode(() => planSubtreeConsistency({ ...good, [member]: number }), "ARGUMENT_INVALID");
      }
    }
    for (const hash of [new Uint8Array(31), new Uint8Array(33)]) {
      expectCode(() => verifySubtreeConsistency({ ...good, subtreeHash: hash }), "HASH_MALFORMED");
      expectCode(() => verifySubtreeConsistency({ ...good, rootHash: hash }), "HASH_MALFORMED");
      const proof = good.proof.with(1, hash);
      expectCode(() => verifySubtreeConsistency({ ...good, proof }), "HASH_MALFORMED");
    }
  });
});

describe("an inclusion proof in a subtree", () => {
  it("is PATH in the subtree, and verifies, for every leaf of every subtree up to leaf 40", () => {
    for (const { start, end } of subtreesOf(40)) {
      for (let leafIndex = start; leafIndex < end; leafIndex++) {
        const good = inclusion(leafIndex, start, end);
        expect(assemble(planSubtreeInclusion(good))).toEqual(good.proof.map(hex));
        verifySubtreeInclusion(good);
      }
    }
  });

  it("does not verify at another place, with another hash, or another proof", () => {
    const good = inclusion(10, 8, 13);
    for (const leafIndex of [0, 7, 8, 9, 11, 12, 13])
      expectCode(() => verifySubtreeInclusion({ ...good, leafIndex }), "PROOF_INVALID");
    for (const range of [
      { start: 8, end: 12 },
      { start: 0, end: 13 },
      { start: 8, end: 8 },
      { start: 4, end: 13 },
    ])
      expectCode(() => verifySubtreeInclusion({ ...good, ...range }), "PROOF_INVALID");
    for (const proof of [...wrongLengths(good.proof, good.leafHash), ...swappedNeighbours(good.proof)])
      expectCode(() => verifySubtreeInclusion({ ...good, proof }), "PROOF_INVALID");
    expectCode(() => verifySubtreeInclusion({ ...good, leafHash: good.subtreeHash }), "PROOF_INVALID");
  });

  it("has no plan for a leaf that is not there", () => {
    for (const leafIndex of [7, 13, -1, 0.5, 2 ** 53])
      expectCode(() => planSubtreeInclusion({ leafIndex, start: 8, end: 13 }), "ARGUMENT_INVALID");
    expectCode(() => planSubtreeInclusion({ leafIndex: 5, start: 4, end: 13 }), "ARGUMENT_INVALID");
  });
});

function hashOf({ level, index }: NodeCoordinate): Uint8Array {
  return tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
}
