import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  appendHashes,
  appendLeaves,
  type CompactRange,
  emptyRange,
  foldPeaks,
  peakCoordinates,
  rangeRoot,
} from "../../src/merkle/compact-range.ts";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { emptyRootHash, nodeHash } from "../../src/merkle/hash.ts";
import { expectCode } from "../expect-code.ts";
import { referenceTree } from "../reference/merkle.ts";

const SIZE = 140;
const tree = referenceTree(SIZE);

function rangeOf(treeSize: number): CompactRange {
  return appendLeaves(emptyRange(), tree.leafHashes.slice(0, treeSize));
}

describe("a compact range", () => {
  it("of the empty tree has the empty root", () => {
    expect(rangeRoot(emptyRange())).toEqual(emptyRootHash());
  });

  it("has the root RFC 6962 defines, at every size", () => {
    for (let size = 0; size <= SIZE; size++) expect(rangeRoot(rangeOf(size))).toEqual(tree.root(size));
  });

  it("holds the hashes of the peaks", () => {
    for (let size = 0; size <= SIZE; size++) {
      const want = peakCoordinates(size).map((peak) => hashOf(peak));
      expect(rangeOf(size).peaks).toEqual(want);
    }
  });

  it("comes out the same however the leaves are cut into batches", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 12 }), (batches) => {
        let range = emptyRange();
        for (const count of batches) {
          const from = range.treeSize;
          range = appendLeaves(range, tree.leafHashes.slice(from, Math.min(from + count, SIZE)));
        }
        expect(range).toEqual(rangeOf(range.treeSize));
      }),
    );
  });

  it("is the same over flat hashes, and so is every node that becomes complete", () => {
    fc.assert(
      fc.property(fc.nat({ max: SIZE }), fc.nat({ max: SIZE }), (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const leaves = tree.leafHashes.slice(from, to);
        const byLevel: Uint8Array[][] = [];
        const range = appendLeaves(rangeOf(from), leaves, ({ level }, hash) => {
          byLevel[level] = [...(byLevel[level] ?? []), hash];
        });
        const flat = appendHashes(rangeOf(from), new Uint8Array(Buffer.concat(leaves)));
        expect(flat.range).toEqual(range);
        expect(flat.levels).toEqual(byLevel.map((hashes) => new Uint8Array(Buffer.concat(hashes))));
      }),
    );
    expectCode(() => appendHashes(emptyRange(), new Uint8Array(33)), "HASH_MALFORMED");
  });

  it("is the same over flat hashes wherever in a large tree the batch begins", () => {
    for (let bits = 1; bits <= 52; bits++) {
      for (const short of [1, 2, 5]) {
        for (const count of [1, 2, 33]) {
          const treeSize = Math.max(0, 2 ** bits - short);
          const range = { treeSize, peaks: tree.leafHashes.slice(0, peakCoordinates(treeSize).length) };
          const leaves = tree.leafHashes.slice(60, 60 + count);
          const flat = appendHashes(range, new Uint8Array(Buffer.concat(leaves)));
          expect(flat.range).toEqual(appendLeaves(range, leaves));
        }
      }
    }
  });

  it("stays as it was when leaves are appended", () => {
    const before = rangeOf(7);
    const copy = structuredClone(before);
    appendLeaves(before, tree.leafHashes.slice(7, 20));
    expect(before).toEqual(copy);
  });

  it("tells of each perfect subtree once, when it is complete", () => {
    for (const from of [0, 1, 5, 64, 127]) {
      const seen: { node: NodeCoordinate; hash: Uint8Array }[] = [];
      let completed = from;
      appendLeaves(rangeOf(from), tree.leafHashes.slice(from), (node, hash) => {
        if (node.level === 0) completed += 1;
        expect((node.index + 1) * 2 ** node.level).toBe(completed);
        seen.push({ node, hash });
      });
      for (const { node, hash } of seen) expect(hash).toEqual(hashOf(node));
      expect(new Set(seen.map(({ node }) => `${node.level}/${node.index}`)).size).toBe(seen.length);
      expect(seen.length).toBe(nodesIn(SIZE) - nodesIn(from));
    }
  });

  it("goes on at 2^32 and to 2^53 - 1, and not beyond", () => {
    const leaf = tree.leafHashes[0]!;
    for (const treeSize of [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2]) {
      const peaks = peakCoordinates(treeSize).map((_, at) => tree.leafHashes[at]!);
      const nodes: NodeCoordinate[] = [];
      const after = appendLeaves({ treeSize, peaks }, [leaf], (node) => nodes.push(node));
      expect(after.treeSize).toBe(treeSize + 1);
      expect(after.peaks.length).toBe(peakCoordinates(treeSize + 1).length);
      expect(nodes.at(0)).toEqual({ level: 0, index: treeSize });
      if (treeSize === 2 ** 32 - 1) {
        expect(nodes.at(-1)).toEqual({ level: 32, index: 0 });
        expect(after.peaks).toEqual([[...peaks, leaf].reduceRight((right, left) => nodeHash(left, right))]);
      }
    }
    const full = 2 ** 53 - 1;
    const peaks = peakCoordinates(full).map((_, at) => tree.leafHashes[at]!);
    expectCode(() => appendLeaves({ treeSize: full, peaks }, [leaf]), "ARGUMENT_INVALID");
  });

  it("refuses peaks that do not fit the size, and hashes that are not 32 bytes", () => {
    const { peaks } = rangeOf(7);
    expectCode(() => rangeRoot({ treeSize: 8, peaks }), "ARGUMENT_INVALID");
    expectCode(() => appendLeaves({ treeSize: 3, peaks }, []), "ARGUMENT_INVALID");
    expectCode(() => rangeRoot({ treeSize: 2 ** 53, peaks }), "ARGUMENT_INVALID");
    expectCode(() => rangeRoot({ treeSize: 1, peaks: [new Uint8Array(31)] }), "HASH_MALFORMED");
    expectCode(() => appendLeaves(emptyRange(), [new Uint8Array(33)]), "HASH_MALFORMED");
  });

  it("folds peaks from the right", () => {
    const [a, b, c] = tree.leafHashes.slice(0, 3);
    expect(foldPeaks([a!, b!, c!])).toEqual(nodeHash(a!, nodeHash(b!, c!)));
  });
});

function hashOf({ level, index }: NodeCoordinate): Uint8Array {
  return tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
}

function nodesIn(treeSize: number): number {
  let count = 0;
  for (let level = 0; 2 ** level <= treeSize; level++) count += Math.floor(treeSize / 2 ** level);
  return count;
}
