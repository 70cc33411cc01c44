import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NodeCache } from "../../src/log/node-cache.ts";
import { planConsistency } from "../../src/merkle/consistency.ts";
import { planInclusion } from "../../src/merkle/inclusion.ts";
import { assembleProof } from "../../src/merkle/proof-plan.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { TILE_WIDTH, type Tile } from "../../src/tlog/tile.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";

const SIZE = 700;
const tree = new ReferenceTree(
  Array.from({ length: SIZE }, (_, index) => leafHashOf(encodeUtf8(`${index}`))),
);

function cacheOf(tree: ReferenceTree) {
  const asked: Tile[] = [];
  const cache = new NodeCache((tile) => {
    asked.push(tile);
    const span = TILE_WIDTH ** tile.level;
    const hashes = Array.from({ length: tile.width }, (_, at) => {
      const start = (tile.index * TILE_WIDTH + at) * span;
      return tree.hash(start, start + span);
    });
    return Promise.resolve(concatBytes(...hashes));
  });
  return { cache, asked };
}

describe("the cache of inner nodes", () => {
  it("gives the proofs that the definitions give, in whatever order sizes and leaves are asked for", async () => {
    const { cache } = cacheOf(tree);
    const pair = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.nat({ max: SIZE - 1 }));
    await fc.assert(
      fc.asyncProperty(pair, async ([treeSize, any]) => {
        const leafIndex = any % treeSize;
        const inclusion = planInclusion({ leafIndex, treeSize });
        const path = assembleProof(inclusion, await cache.read(inclusion.nodes, treeSize));
        expect(path).toEqual(tree.path(leafIndex, 0, treeSize));
        const fromSize = Math.max(1, leafIndex);
        const consistency = planConsistency({ fromSize, toSize: treeSize });
        const proof = assembleProof(consistency, await cache.read(consistency.nodes, treeSize));
        expect(proof).toEqual(tree.proof(fromSize, treeSize));
      }),
      { numRuns: 200 },
    );
  });

  it("reads nothing for what it holds, and keeps it from who changes what he got", async () => {
    const { cache, asked } = cacheOf(tree);
    const { nodes } = planInclusion({ leafIndex: 5, treeSize: SIZE });
    const first = await cache.read(nodes, SIZE);
    const reads = asked.length;
    const copy = first.map((hash) => hash.slice());
    for (const hash of first) hash.fill(0);
    expect(await cache.read(nodes, SIZE)).toEqual(copy);
    expect(asked).toHaveLength(reads);
  });

  it("holds a bounded number", async () => {
    const large = new ReferenceTree(Array.from({ length: 70_000 }, () => leafHashOf(encodeUtf8(""))));
    const { cache, asked } = cacheOf(large);
    const leaf = (index: number) => ({ level: 0, index });
    await cache.read([leaf(3)], 70_000);
    const reads = asked.length;
    for (let start = 0; start < 66_000; start += 1000) {
      await cache.read(
        Array.from({ length: 1000 }, (_, at) => leaf(start + at)),
        70_000,
      );
    }
    asked.length = 0;
    await cache.read([leaf(3)], 70_000);
    expect([reads, asked.length]).toEqual([1, 1]);
  });
});
