import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NodeCache } from "../../src/log/node-cache.ts";
import { Receipts } from "../../src/log/receipts.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatTlogProof } from "../../src/tlog/proof.ts";
import { TILE_WIDTH, type Tile } from "../../src/tlog/tile.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";

const SIZE = 2_900;
const tree = new ReferenceTree(
  Array.from({ length: SIZE }, (_, index) => leafHashOf(encodeUtf8(`${index}`))),
);

function tileBytes(tile: Tile): Uint8Array {
  const span = TILE_WIDTH ** tile.level;
  const hashes = Array.from({ length: tile.width }, (_, at) => {
    const start = (tile.index * TILE_WIDTH + at) * span;
    return tree.hash(start, start + span);
  });
  return concatBytes(...hashes);
}

function receiptsOf(readTile = async (tile: Tile) => tileBytes(tile)): Receipts {
  return new Receipts(new NodeCache(readTile));
}

function publicationAt(treeSize: number, said = "") {
  return {
    treeSize,
    rootHash: tree.hash(0, treeSize),
    checkpoint: encodeUtf8(`origin\n${treeSize}\nroot\n\n— signed${said}\n`),
  };
}

function expected(leafIndex: number, { treeSize, checkpoint }: ReturnType<typeof publicationAt>): string {
  return formatTlogProof({ leafIndex, proof: tree.path(leafIndex, 0, treeSize), checkpoint });
}

describe("receipts", () => {
  it("are what the format says, whatever is asked for after what", async () => {
    const receipts = receiptsOf();
    let last = publicationAt(SIZE);
    const asked = fc.record({ any: fc.nat(), size: fc.nat(), beyond: fc.nat(), isSame: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(asked, async ({ any, size, beyond, isSame }) => {
        if (!isSame) last = publicationAt(1 + (size % SIZE));
        const leafIndex = any % last.treeSize;
        const readableSize = last.treeSize + (beyond % (SIZE - last.treeSize + 1));
        const receipt = await receipts.encode(leafIndex, last, readableSize);
        expect(decodeUtf8(receipt)).toBe(expected(leafIndex, last));
      }),
      { numRuns: 100 },
    );
  });

  it.each([1, 2, 3, 255, 256, 257, 512, 769])(
    "of leaves everywhere in a tree of %i are so, asked for at once",
    async (treeSize) => {
      const receipts = receiptsOf();
      const publication = publicationAt(treeSize);
      const leaves = Array.from({ length: treeSize }, (_, at) => at).filter(
        (at) => at % 17 === 0 || treeSize - at < 4,
      );
      const made = await Promise.all(leaves.map((at) => receipts.encode(at, publication, treeSize)));
      expect(made.map(decodeUtf8)).toEqual(leaves.map((at) => expected(at, publication)));
    },
  );

  it("end with the cosignatures that came since, also when the size is the same", async () => {
    const receipts = receiptsOf();
    const before = publicationAt(300);
    const later = publicationAt(300, " and cosigned");
    const made = await Promise.all([
      receipts.encode(7, before, 300),
      receipts.encode(7, later, 300),
      receipts.encode(7, before, 300),
    ]);
    expect(made.map(decodeUtf8)).toEqual([before, later, before].map((at) => expected(7, at)));
  });

  it("are the caller's to change", async () => {
    const receipts = receiptsOf();
    const publication = publicationAt(300);
    (await receipts.encode(7, publication, 300)).fill(0);
    expect(decodeUtf8(await receipts.encode(7, publication, 300))).toBe(expected(7, publication));
  });

  it("are made anew after a tile could not be read", async () => {
    let isDown = true;
    const receipts = receiptsOf(async (tile) => {
      if (isDown) throw new Error("down");
      return tileBytes(tile);
    });
    const publication = publicationAt(SIZE);
    await expect(receipts.encode(3, publication, SIZE)).rejects.toThrow("down");
    isDown = false;
    expect(decodeUtf8(await receipts.encode(3, publication, SIZE))).toBe(expected(3, publication));
  });

  it.each([
    [1, 0, 3],
    [0, 11, SIZE - 1],
    [0, 11, 3],
  ])(
    "are refused where a hash of tile/%i/%i is not the signed tree's, of leaf %i",
    async (level, index, leafIndex) => {
      const receipts = receiptsOf(async (tile) =>
        tileBytes(tile).map((byte, at) =>
          at === 5 && tile.level === level && tile.index === index ? byte ^ 1 : byte,
        ),
      );
      await expectCodeAsync(receipts.encode(leafIndex, publicationAt(SIZE), SIZE), "STORE_DAMAGED");
    },
  );

  it("of leaves outside the tree are refused", async () => {
    await expectCodeAsync(receiptsOf().encode(300, publicationAt(300), SIZE), "ARGUMENT_INVALID");
  });
});
