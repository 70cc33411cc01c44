import fc from "fast-check";
import { expect, it } from "vitest";
import type { Subtree } from "../../src/merkle/coordinates.ts";
import { nodeHash } from "../../src/merkle/hash.ts";
import { climb, proofPath } from "../../src/merkle/proof-path.ts";
import { bitLength } from "../../src/merkle/sizes.ts";
import { expectCode } from "../expect-code.ts";
import { hex } from "../reference/merkle.ts";
import { runs } from "../runs.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const hashOf = (seed: number) => new Uint8Array(32).fill(seed + 1);

/** The same by the subtrees themselves, one object each. */
function climbByPath(part: Subtree, partHash: Uint8Array, treeSize: number, proof: readonly Uint8Array[]) {
  let [partRoot, treeRoot] = [partHash, partHash];
  for (const [at, subtree] of proofPath(part, treeSize).entries()) {
    const hash = proof[at]!;
    if (subtree.end === part.end) {
      [partRoot, treeRoot] = [hash, hash];
    } else if (subtree.end > part.end) {
      treeRoot = nodeHash(treeRoot, hash);
    } else {
      if (subtree.start >= part.start) partRoot = nodeHash(hash, partRoot);
      treeRoot = nodeHash(hash, treeRoot);
    }
  }
  return { partRoot, treeRoot };
}

/** A valid subtree of a tree: [start, end) with start a multiple of the power of two that its width rounds up to. */
const places = fc
  .record({
    treeSize: fc.oneof(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 2 ** 32 - 5, max: 2 ** 32 + 5 }),
      fc.integer({ min: 1, max: MAX_SIZE }),
      fc.constant(MAX_SIZE),
    ),
    width: fc.oneof(fc.constant(1), fc.nat(100), fc.nat({ max: MAX_SIZE })),
    at: fc.nat({ max: MAX_SIZE }),
  })
  .map(({ treeSize, width, at }) => {
    const leaves = 1 + (width % treeSize);
    const step = 2 ** bitLength(leaves - 1);
    const start = step * (at % (Math.floor((treeSize - leaves) / step) + 1));
    return { treeSize, part: { start, end: start + leaves } };
  });

it("leads to the same roots as the subtrees of the definition, in trees of any size", () => {
  fc.assert(
    fc.property(places, ({ treeSize, part }) => {
      const proof = proofPath(part, treeSize).map((_, at) => hashOf(at));
      const partHash = hashOf(200);
      const climbed = climb({ part, partHash, treeSize, proof });
      const wanted = climbByPath(part, partHash, treeSize, proof);
      expect(hex(climbed.partRoot)).toBe(hex(wanted.partRoot));
      expect(hex(climbed.treeRoot)).toBe(hex(wanted.treeRoot));
      for (const wrong of [[...proof, partHash], proof.slice(1)]) {
        if (wrong.length === proof.length) continue;
        expectCode(() => climb({ part, partHash, treeSize, proof: wrong }), "PROOF_INVALID");
      }
    }),
    { numRuns: runs(500) },
  );
});

it("gives roots in memory of their own, and leaves what it was given as it was", () => {
  const partHash = hashOf(1);
  const proof = [hashOf(2), hashOf(3)];
  const { partRoot, treeRoot } = climb({ part: { start: 3, end: 4 }, partHash, treeSize: 4, proof });
  expect(treeRoot).toEqual(nodeHash(hashOf(3), nodeHash(hashOf(2), partHash)));
  partRoot.fill(0);
  treeRoot.fill(0);
  expect([partHash, ...proof]).toEqual([hashOf(1), hashOf(2), hashOf(3)]);
});
