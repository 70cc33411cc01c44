import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NodeCache } from "../../src/log/node-cache.ts";
import { consistencyProof, inclusionBatch, inclusionProof, rootAt } from "../../src/log/prove.ts";
import { verifyInclusionBatch } from "../../src/merkle/inclusion-batch.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { TILE_WIDTH, type Tile } from "../../src/tlog/tile.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { IS_FULL, runs } from "../runs.ts";

const SIZE = 2_900;
const tree = new ReferenceTree(
  Array.from({ length: SIZE }, (_, index) => leafHashOf(encodeUtf8(`${index}`))),
);
/** A place for one tile whole, and for two slabs of summaries at most. */
const TINY = { maxTiles: 1, maxSummaryBytes: 2 * 256 * (64 + 8) };
const NO_SUMMARIES = { maxTiles: 2, maxSummaryBytes: 0 };

function cacheOf(tree: ReferenceTree, limits?: typeof TINY) {
  const asked: Tile[] = [];
  const readTile = async (tile: Tile) => {
    asked.push(tile);
    return tileBytes(tree, tile);
  };
  return { from: new NodeCache(readTile, limits), asked };
}

function tileBytes(tree: ReferenceTree, tile: Tile): Uint8Array {
  const span = TILE_WIDTH ** tile.level;
  const hashes = Array.from({ length: tile.width }, (_, at) => {
    const start = (tile.index * TILE_WIDTH + at) * span;
    return tree.hash(start, start + span);
  });
  return concatBytes(...hashes);
}

const asked = fc.record({ any: fc.nat(), size: fc.nat(), readable: fc.nat() });

describe("proofs from cached tiles", () => {
  it.each([
    ["of the usual bounds", undefined],
    ["that hardly holds anything", TINY],
    ["without summaries", NO_SUMMARIES],
  ])("are those of the definitions, whatever is asked for after what, with a cache %s", async (_, limits) => {
    const { from } = cacheOf(tree, limits);
    await fc.assert(
      fc.asyncProperty(asked, async ({ any, size, readable }) => {
        const readableSize = 1 + (readable % SIZE);
        const treeSize = 1 + (size % readableSize);
        const leafIndex = any % treeSize;
        const path = await inclusionProof(from, readableSize, { leafIndex, treeSize });
        expect(path).toEqual(tree.path(leafIndex, 0, treeSize));
        const fromSize = Math.max(1, leafIndex);
        const proof = await consistencyProof(from, readableSize, { fromSize, toSize: treeSize });
        expect(proof).toEqual(tree.proof(fromSize, treeSize));
        expect(await rootAt(from, readableSize, treeSize)).toEqual(tree.root(treeSize));
      }),
      { numRuns: runs(60) },
    );
  });

  it("read each tile of the edge once when all who waited for a checkpoint ask at once", async () => {
    const { from, asked } = cacheOf(tree);
    const newest = Array.from({ length: 50 }, (_, at) =>
      inclusionProof(from, SIZE, { leafIndex: SIZE - 1 - at, treeSize: SIZE }),
    );
    await Promise.all(newest);
    expect(asked.length).toBe(new Set(asked.map(({ level, index }) => `${level}/${index}`)).size);
  });

  it("make an edge anew that could not be read", async () => {
    let isDown = true;
    const from = new NodeCache(async (tile) => {
      if (isDown) throw new Error("down");
      return tileBytes(tree, tile);
    });
    await expect(rootAt(from, SIZE, SIZE)).rejects.toThrow("down");
    isDown = false;
    expect(await rootAt(from, SIZE, SIZE)).toEqual(tree.root(SIZE));
  });

  it("are so when many are made at once, as the log grows", async () => {
    const { from } = cacheOf(tree, TINY);
    const proofs = Array.from({ length: 60 }, async (_, at) => {
      const treeSize = 2_500 + at;
      const leafIndex = (at * 1_009) % treeSize;
      const path = await inclusionProof(from, treeSize, { leafIndex, treeSize });
      expect(path).toEqual(tree.path(leafIndex, 0, treeSize));
    });
    await Promise.all(proofs);
  });

  it.runIf(IS_FULL)(
    "are so in a tree of three levels of tiles, with the summaries as coarse as they get",
    async () => {
      const size = 66_500;
      const large = new ReferenceTree(
        Array.from({ length: size }, (_, at) => leafHashOf(encodeUtf8(`${at}`))),
      );
      for (const limits of [undefined, TINY, { maxTiles: 2, maxSummaryBytes: 256 * (640 + 8) }]) {
        const { from } = cacheOf(large, limits);
        for (const leafIndex of [0, 255, 256, 40_000, 65_535, 65_536, 66_303, 66_499, 0, 40_001]) {
          const path = await inclusionProof(from, size, { leafIndex, treeSize: size });
          expect(path).toEqual(large.path(leafIndex, 0, size));
        }
      }
    },
  );

  it.runIf(IS_FULL)(
    "are none from a full tile above the leaves that is not the one below the next",
    async () => {
      const size = 65_600;
      const large = new ReferenceTree(
        Array.from({ length: size }, (_, at) => leafHashOf(encodeUtf8(`${at}`))),
      );
      let flip = 1;
      const from = new NodeCache(async (tile) =>
        tileBytes(large, tile).map((byte, at) => (tile.level === 1 && at === 5 ? byte ^ flip : byte)),
      );
      const proof = () => inclusionProof(from, size, { leafIndex: 40_000, treeSize: size });
      await expectCodeAsync(proof(), "STORE_DAMAGED");
      flip = 0;
      expect(await proof()).toEqual(large.path(40_000, 0, size));
    },
  );

  it("read one tile of leaves for a leaf of a known tile, and none for a leaf of the newest", async () => {
    const { from, asked } = cacheOf(tree);
    const prove = (leafIndex: number) => inclusionProof(from, SIZE, { leafIndex, treeSize: SIZE });
    await prove(5);
    await prove(SIZE - 1);
    asked.length = 0;
    await prove(7);
    expect(asked).toEqual([{ level: 0, index: 0, width: TILE_WIDTH }]);
    asked.length = 0;
    await prove(SIZE - 3);
    expect(asked).toEqual([]);
  });

  it("ask again only for what a tile has grown by", async () => {
    const { from, asked } = cacheOf(tree);
    await inclusionProof(from, 700, { leafIndex: 699, treeSize: 700 });
    asked.length = 0;
    await inclusionProof(from, 701, { leafIndex: 700, treeSize: 701 });
    await inclusionProof(from, 701, { leafIndex: 699, treeSize: 700 });
    expect(asked).toEqual([{ level: 0, index: 2, width: 701 - 2 * TILE_WIDTH }]);
  });

  it("for many leaves are made a few tiles at a time, whoever asks beside, and are those of the tree", async () => {
    const { from, asked } = cacheOf(tree);
    const leafIndices = Array.from({ length: 45 }, (_, at) => at * 64);
    const batches = [SIZE, SIZE - 1, SIZE - 2, SIZE - 3].map(async (treeSize) => {
      const proof = await inclusionBatch(from, SIZE, { leafIndices, treeSize });
      const leafHashes = leafIndices.map((leafIndex) => tree.hash(leafIndex, leafIndex + 1));
      verifyInclusionBatch({ leafIndices, treeSize, leafHashes, rootHash: tree.root(treeSize), proof });
    });
    let isDone = false;
    const all = Promise.all(batches).finally(() => {
      isDone = true;
    });
    let most = asked.length;
    while (!isDone) {
      const before = asked.length;
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, asked.length - before);
    }
    await all;
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(8);
  });

  it("belong to who asked: to change them changes nothing", async () => {
    const { from } = cacheOf(tree);
    for (let round = 0; round < 2; round++) {
      const path = await inclusionProof(from, SIZE, { leafIndex: 2_850, treeSize: SIZE });
      const root = await rootAt(from, SIZE, SIZE);
      expect([path, root]).toEqual([tree.path(2_850, 0, SIZE), tree.root(SIZE)]);
      for (const hash of [...path, root]) hash.fill(0);
    }
  });

  it("are refused for nodes that are not complete, for bytes that are no tile, and beyond the readable size", async () => {
    const { from } = cacheOf(tree);
    const reading = from.read([{ level: 2, index: 1 }], 7);
    await expectCodeAsync(reading, "ARGUMENT_INVALID");
    await expectCodeAsync(inclusionProof(from, 9, { leafIndex: 0, treeSize: 10 }), "NOT_PUBLISHED");
    await expectCodeAsync(inclusionProof(from, 9, { leafIndex: 9, treeSize: 9 }), "ARGUMENT_INVALID");
    const short = new NodeCache(async () => new Uint8Array(31));
    await expectCodeAsync(short.read([{ level: 0, index: 0 }], 1), "TILE_MALFORMED");
  });
});
