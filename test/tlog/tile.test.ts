import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import {
  formatBundlePath,
  formatTilePath,
  nodeFromTile,
  parseBundlePath,
  parseTilePath,
  partialTilesAt,
  TILE_WIDTH,
  type Tile,
  tileOfNode,
  tilesAt,
  tileWidthAt,
} from "../../src/tlog/tile.ts";
import { expectCode } from "../expect-code.ts";
import { hex, referenceTree } from "../reference/merkle.ts";
import { allTiles, indexPath, resourcePath, tileBytes, widths } from "../reference/tiles.ts";
import { runs } from "../runs.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const anySize = fc.oneof(
  fc.nat({ max: 70_000 }),
  fc.integer({ min: 2 ** 32 - 3, max: 2 ** 32 + 3 }),
  fc.nat({ max: MAX_SIZE }),
);
const anyTile = fc.record({
  level: fc.nat({ max: 63 }),
  index: fc.oneof(fc.nat({ max: 2000 }), fc.nat({ max: MAX_SIZE })),
  width: fc.integer({ min: 1, max: TILE_WIDTH }),
});

describe("a tile path", () => {
  it("spells the index in groups of three digits, all but the last with an x", () => {
    expect(formatTilePath({ level: 0, index: 0, width: 256 })).toBe("tile/0/000");
    expect(formatTilePath({ level: 0, index: 999, width: 256 })).toBe("tile/0/999");
    expect(formatTilePath({ level: 1, index: 1000, width: 256 })).toBe("tile/1/x001/000");
    expect(formatTilePath({ level: 63, index: 1234067, width: 255 })).toBe("tile/63/x001/x234/067.p/255");
    expect(formatTilePath({ level: 0, index: MAX_SIZE, width: 1 })).toBe(
      "tile/0/x009/x007/x199/x254/x740/991.p/1",
    );
    expect(formatBundlePath({ index: 1234067, width: 256 })).toBe("tile/entries/x001/x234/067");
  });

  it("is the one the standard gives, and parses back", () => {
    fc.assert(
      fc.property(anyTile, ({ level, index, width }) => {
        const path = formatTilePath({ level, index, width });
        expect(path).toBe(resourcePath(level, BigInt(index), width));
        expect(parseTilePath(path)).toEqual({ level, index, width });
        const bundlePath = formatBundlePath({ index, width });
        expect(bundlePath).toBe(resourcePath("entries", BigInt(index), width));
        expect(parseBundlePath(bundlePath)).toEqual({ index, width });
      }),
    );
  });

  it("has one spelling", () => {
    const good = "tile/0/x001/x234/067.p/7";
    expect(parseTilePath(good)).toEqual({ level: 0, index: 1234067, width: 7 });
    const bad = [
      ["empty, or not a path of a tile", "", "tile", "tile/", "tile/0", "tile/0/", "checkpoint", "0/000"],
      [
        "another prefix or suffix",
        `/${good}`,
        ` ${good}`,
        `${good}/`,
        `${good}\n`,
        `${good}?`,
        `x/${good}`,
        `${good}/8`,
      ],
      [
        "level",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile//000",
        "tile/x/000",
        "tile/data/000",
        "tile/+1/000",
        "tile/0x1/000",
      ],
      [
        "groups",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/x001/",
        "tile/0/x01/002",
        "tile/0/x0001/002",
        "tile/0/X001/002",
        "tile/0/x001//002",
        "tile/0/-01",
        "tile/0/0 1",
        "tile/0/٠٠١",
      ],
      ["leading zero groups", "tile/0/x000/001", "tile/0/x000/x001/000", "tile/0/x000/000"],
      [
        "width",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/007",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/+1",
        "tile/0/000.p/a",
        "tile/0/000.p/1.p/1",
        "tile/0/000p/1",
        "tile/0/000xp/1",
        "tile/0/000.P/1",
      ],
      [
        "dots and escapes",
        "tile/0/../0/000",
        "tile/0/%30%30%30",
        "tile%2f0/000",
        "tile/0/000%2ep/1",
        "tile/./0/000",
        "tile/0/000\0",
      ],
    ].flatMap(([, ...paths]) => paths);
    for (const path of bad) {
      expectCode(() => parseTilePath(path), "TILE_PATH_MALFORMED");
      expectCode(() => parseBundlePath(path.replace("tile/0/", "tile/entries/")), "TILE_PATH_MALFORMED");
    }
    expectCode(() => parseTilePath("tile/entries/000"), "TILE_PATH_MALFORMED");
    expectCode(() => parseBundlePath("tile/0/000"), "TILE_PATH_MALFORMED");
  });

  it("with an index beyond 2^53 - 1 is refused by name", () => {
    for (const index of [2n ** 53n, 2n ** 63n, 2n ** 64n, 10n ** 300n]) {
      expectCode(() => parseTilePath(`tile/0/${indexPath(index)}`), "NUMBER_TOO_LARGE");
      expectCode(() => parseBundlePath(`tile/entries/${indexPath(index)}.p/1`), "NUMBER_TOO_LARGE");
    }
  });

  it("damaged by one character is refused, or is the one spelling of another tile", () => {
    const characters = [..."0123456789x/.p-_ \n", ""];
    const pieces = fc.tuple(anyTile, fc.nat({ max: 40 }), fc.constantFrom(...characters), fc.boolean());
    fc.assert(
      fc.property(pieces, ([tile, at, character, isInsert]) => {
        const path = formatTilePath(tile);
        const damaged = path.slice(0, at) + character + path.slice(isInsert ? at : at + 1);
        try {
          expect(formatTilePath(parseTilePath(damaged))).toBe(damaged);
        } catch (error) {
          if (!(error instanceof TlogError)) throw error;
          expect(["TILE_PATH_MALFORMED", "NUMBER_TOO_LARGE"]).toContain(error.code);
        }
      }),
      { numRuns: runs(500) },
    );
  });

  it("is not made for what is no tile", () => {
    const good = { level: 0, index: 0, width: 1 };
    const bad = [
      { level: 64 },
      { level: -1 },
      { index: -1 },
      { index: 2 ** 53 },
      { index: 0.5 },
      { width: 0 },
      { width: 257 },
    ];
    for (const change of bad) {
      expectCode(() => formatTilePath({ ...good, ...change }), "ARGUMENT_INVALID");
      if (!("level" in change))
        expectCode(() => formatBundlePath({ ...good, ...change }), "ARGUMENT_INVALID");
    }
  });
});

describe("tiles of a tree", () => {
  it("are those of the standard's examples", () => {
    expect(partialTilesAt(70_000)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    const full = [...tilesAt(70_000)].filter(({ width }) => width === 256);
    expect(full.filter(({ level }) => level === 0).length).toBe(273);
    expect(full.filter(({ level }) => level === 1).length).toBe(1);
    expect([...tilesAt(256)]).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
  });

  it("are none for the empty tree", () => {
    expect([...tilesAt(0)]).toEqual([]);
    expect(partialTilesAt(0)).toEqual([]);
    expect(tileWidthAt({ level: 0, index: 0, treeSize: 0 })).toBe(0);
  });

  it("have the widths the standard gives, at any size", () => {
    fc.assert(
      fc.property(anySize, (treeSize) => {
        const levels = widths(treeSize);
        for (const { level, full, partial } of levels) {
          if (full > 0) expect(tileWidthAt({ level, index: full - 1, treeSize })).toBe(256);
          expect(tileWidthAt({ level, index: full, treeSize })).toBe(partial);
          expect(tileWidthAt({ level, index: full + 1, treeSize })).toBe(0);
          expect(tileWidthAt({ level, index: MAX_SIZE, treeSize })).toBe(0);
        }
        for (const level of [levels.length, 63]) expect(tileWidthAt({ level, index: 0, treeSize })).toBe(0);
        const partials = levels.filter(({ partial }) => partial > 0);
        expect(partialTilesAt(treeSize)).toEqual(
          partials.map(({ level, full, partial }) => ({ level, index: full, width: partial })),
        );
      }),
    );
  });

  it("are listed level by level", () => {
    for (const treeSize of [1, 255, 256, 257, 65_535, 65_536, 70_000]) {
      expect([...tilesAt(treeSize)]).toEqual(allTiles(treeSize));
    }
  });

  it("are not asked of sizes that are not exact", () => {
    for (const treeSize of [-1, 0.5, 2 ** 53]) {
      expectCode(() => tileWidthAt({ level: 0, index: 0, treeSize }), "ARGUMENT_INVALID");
      expectCode(() => partialTilesAt(treeSize), "ARGUMENT_INVALID");
      expectCode(() => [...tilesAt(treeSize)], "ARGUMENT_INVALID");
    }
    expectCode(() => tileWidthAt({ level: 64, index: 0, treeSize: 1 }), "ARGUMENT_INVALID");
  });
});

describe("a node of a tile", () => {
  const tree = referenceTree(1000);

  it("is found in one tile, whose hashes make its hash", () => {
    for (const treeSize of [1, 2, 255, 256, 257, 511, 512, 1000]) {
      const bytesOf = new Map<string, Uint8Array>();
      for (let level = 0; 2 ** level <= treeSize; level++) {
        for (let index = 0; (index + 1) * 2 ** level <= treeSize; index += 1 + Math.floor(index / 5)) {
          const tile = tileOfNode({ level, index }, treeSize);
          const path = formatTilePath(tile);
          const bytes = bytesOf.get(path) ?? tileBytes(tree, tile);
          bytesOf.set(path, bytes);
          const want = tree.hash(index * 2 ** level, (index + 1) * 2 ** level);
          expect(hex(nodeFromTile(bytes, tile, { level, index }))).toBe(hex(want));
        }
      }
    }
  });

  it("may be the root above a full tile, which is a hash of the next level", () => {
    const tile = { level: 0, index: 2, width: 256 };
    const root = nodeFromTile(tileBytes(tree, tile), tile, { level: 8, index: 2 });
    expect(hex(root)).toBe(hex(tree.hash(512, 768)));
  });

  it("is found beyond 2^32", () => {
    const treeSize = 2 ** 45 + 3;
    expect(tileOfNode({ level: 0, index: 2 ** 45 + 2 }, treeSize)).toEqual({
      level: 0,
      index: 2 ** 37,
      width: 3,
    });
    expect(tileOfNode({ level: 3, index: 2 ** 41 }, treeSize)).toEqual({
      level: 0,
      index: 2 ** 36,
      width: 256,
    });
    expect(tileOfNode({ level: 45, index: 0 }, treeSize)).toEqual({ level: 5, index: 0, width: 32 });
    const last = { level: 0, index: MAX_SIZE - 1 };
    expect(tileOfNode(last, MAX_SIZE)).toEqual({ level: 0, index: 2 ** 45 - 1, width: 255 });
    expect(tileOfNode({ level: 52, index: 0 }, MAX_SIZE)).toEqual({ level: 6, index: 0, width: 31 });
  });

  it("is copied out: changing the result leaves the tile as it was", () => {
    const tile: Tile = { level: 0, index: 0, width: 2 };
    const bytes = Buffer.from(tileBytes(tree, tile));
    nodeFromTile(bytes, tile, { level: 0, index: 1 }).fill(0);
    nodeFromTile(bytes, tile, { level: 1, index: 0 }).fill(0);
    expect(hex(bytes)).toBe(hex(tileBytes(tree, tile)));
  });

  it("needs all the leaves below it", () => {
    expectCode(() => tileOfNode({ level: 0, index: 5 }, 5), "ARGUMENT_INVALID");
    expectCode(() => tileOfNode({ level: 3, index: 0 }, 7), "ARGUMENT_INVALID");
    expectCode(() => tileOfNode({ level: 2000, index: 0 }, MAX_SIZE), "ARGUMENT_INVALID");
    expectCode(() => tileOfNode({ level: -1, index: 0 }, 7), "ARGUMENT_INVALID");
  });

  it("is not read from a tile it is not in", () => {
    const tile = { level: 1, index: 1, width: 3 };
    const bytes = new Uint8Array(3 * 32);
    const outside = [
      { level: 8, index: 255 },
      { level: 8, index: 259 },
      { level: 9, index: 129 },
      { level: 16, index: 1 },
      { level: 7, index: 512 },
      { level: 17, index: 0 },
    ];
    for (const node of outside) expectCode(() => nodeFromTile(bytes, tile, node), "ARGUMENT_INVALID");
  });

  it("is not read from a tile of the wrong length", () => {
    const tile = { level: 0, index: 0, width: 3 };
    for (const length of [0, 32, 64, 95, 97, 128, 8192]) {
      expectCode(() => nodeFromTile(new Uint8Array(length), tile, { level: 0, index: 0 }), "TILE_MALFORMED");
    }
  });
});
