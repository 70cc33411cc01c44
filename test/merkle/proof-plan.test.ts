import { describe, expect, it } from "vitest";
import { rangeRoot } from "../../src/merkle/compact-range.ts";
import { planConsistency } from "../../src/merkle/consistency.ts";
import { planInclusion } from "../../src/merkle/inclusion.ts";
import { assembleProof, planRoot } from "../../src/merkle/proof-plan.ts";
import { expectCode } from "../expect-code.ts";
import { referenceTree } from "../reference/merkle.ts";

const tree = referenceTree(20);

describe("a proof plan", () => {
  it("asks for perfect subtrees only, several where a proof needs the hash of the ragged right edge", () => {
    expect(planInclusion({ leafIndex: 0, treeSize: 7 })).toEqual({
      nodes: [
        { level: 0, index: 1 },
        { level: 1, index: 1 },
        { level: 1, index: 2 },
        { level: 0, index: 6 },
      ],
      nodesPerHash: [1, 1, 2],
    });
    expect(planConsistency({ fromSize: 3, toSize: 7 })).toEqual({
      nodes: [
        { level: 0, index: 2 },
        { level: 0, index: 3 },
        { level: 1, index: 0 },
        { level: 1, index: 2 },
        { level: 0, index: 6 },
      ],
      nodesPerHash: [1, 1, 1, 2],
    });
  });

  it("for the root asks for the peaks", () => {
    for (let treeSize = 0; treeSize <= 20; treeSize++) {
      const plan = planRoot(treeSize);
      const hashes = plan.nodes.map(({ level, index }) =>
        tree.hash(index * 2 ** level, (index + 1) * 2 ** level),
      );
      expect(rangeRoot({ treeSize, peaks: assembleProof(plan, hashes) })).toEqual(tree.root(treeSize));
    }
  });

  it("refuses another number of hashes than it asked for, and hashes that are not 32 bytes", () => {
    const plan = planInclusion({ leafIndex: 0, treeSize: 7 });
    const hashes = tree.leafHashes.slice(0, 4);
    expectCode(() => assembleProof(plan, hashes.slice(1)), "ARGUMENT_INVALID");
    expectCode(() => assembleProof(plan, [...hashes, hashes[0]!]), "ARGUMENT_INVALID");
    expectCode(() => assembleProof(plan, hashes.with(2, new Uint8Array(31))), "HASH_MALFORMED");
  });
});
