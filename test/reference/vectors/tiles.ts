import { hex, referenceTree, sha256 } from "../merkle.ts";
import { allTiles, bundleBytes, indexPath, resourcePath, tileBytes, widths } from "../tiles.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

/** Tiles, bundles, their widths and their paths. */
export function tileVectors(): readonly VectorFile[] {
  return [
    {
      name: "tile-path",
      description:
        'c2sp.org/tlog-tiles: the path of a tile, or of an entry bundle (level "entries"), and what it names. A path has one ' +
        "spelling. A full tile has width 256.",
      cases: [...goodPaths(), ...badPaths()],
    },
    {
      name: "tile-width",
      description:
        'c2sp.org/tlog-tiles, "Partial Tiles": how many full tiles a tree has at each level, and the width of the partial one (0: none).',
      cases: [
        0,
        1,
        255,
        256,
        257,
        65_535,
        65_536,
        65_792,
        70_000,
        2 ** 24,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 45 + 3,
        2 ** 53 - 1,
      ].map((treeSize) => ({ name: `size ${treeSize}`, treeSize, levels: widths(treeSize) })),
    },
    {
      name: "tile",
      description:
        "c2sp.org/tlog-tiles: every tile of a tree whose entries are the ASCII decimal numbers 0, 1, 2, …, as the SHA-256 of its bytes.",
      cases: [1, 2, 255, 256, 257, 600, 66_000].map(tileCase),
    },
    {
      name: "entry-bundle",
      description: 'c2sp.org/tlog-tiles, "Log entries": count entries and their bundle.',
      cases: [...goodBundles(), ...badBundles()],
    },
  ];
}

function goodPaths(): readonly VectorCase[] {
  const indices = [
    0,
    1,
    7,
    67,
    255,
    999,
    1000,
    1001,
    123_456,
    1_234_067,
    999_999_999,
    1_000_000_000,
    2 ** 32,
    2 ** 53 - 1,
  ];
  const named = indices.flatMap((index) => [
    { level: 0, index, width: 256 },
    { level: "entries" as const, index, width: index === 0 ? 1 : 255 },
  ]);
  const levels = [1, 9, 10, 59, 60, 63].map((level) => ({ level, index: 5, width: 256 }));
  const partial = [1, 9, 10, 99, 100, 199, 200, 249, 250, 255].map((width) => ({
    level: 2,
    index: 1000,
    width,
  }));
  return [...named, ...levels, ...partial].map((tile) => {
    const path = resourcePath(tile.level, BigInt(tile.index), tile.width);
    return { name: path, path, ...tile };
  });
}

function badPaths(): readonly VectorCase[] {
  const malformed = [
    "",
    "tile",
    "tile/",
    "tile/0",
    "tile/0/",
    "/tile/0/000",
    "tile/0/000/",
    "tile/0/000 ",
    "tile/0/000\n",
    "TILE/0/000",
    "tile/00/000",
    "tile/01/000",
    "tile/64/000",
    "tile/-1/000",
    "tile/data/000",
    "tile//000",
    "tile/Entries/000",
    "tile/0/0",
    "tile/0/0001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/0/x001/",
    "tile/0/x001/x002",
    "tile/0/x000/001",
    "tile/0/x01/002",
    "tile/0/X001/002",
    "tile/0/-01",
    "tile/0/0 1",
    "tile/entries/x000/000",
    "tile/entries/00",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/257",
    "tile/0/000.p/1000",
    "tile/0/000.p/-1",
    "tile/0/000.p/1/",
    "tile/entries/000.p/256",
    "tile/0/000.p/1.p/1",
    "tile/0/../0/000",
    "tile/0/%30%30%30",
    "tile%2f0/000",
    "tile/0/000%2ep/1",
  ];
  const tooLarge = [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 10n ** 30n];
  return [
    ...malformed.map((path) => ({ name: JSON.stringify(path), path, error: "TILE_PATH_MALFORMED" })),
    ...tooLarge
      .flatMap((index) => [`tile/0/${indexPath(index)}`, `tile/entries/${indexPath(index)}.p/3`])
      .map((path) => {
        return { name: `index above 2^53 - 1: ${path}`, path, error: "NUMBER_TOO_LARGE" };
      }),
  ];
}

function tileCase(treeSize: number): VectorCase {
  const tree = referenceTree(treeSize);
  const tiles = allTiles(treeSize).map((tile) => {
    const path = resourcePath(tile.level, BigInt(tile.index), tile.width);
    return { path, sha256: hex(sha256(tileBytes(tree, tile))) };
  });
  return { name: `size ${treeSize}`, treeSize, rootHash: hex(tree.root(treeSize)), tiles };
}

function goodBundles(): readonly VectorCase[] {
  const named: Record<string, readonly string[]> = {
    "one entry": ["616263"],
    "one entry of no bytes": [""],
    "entries of no bytes among others": ["", "00", "", "ffff", ""],
    "a length that needs its high byte": ["5a".repeat(256), "5a".repeat(257)],
    "a full bundle of entries of no bytes": Array.from({ length: 256 }, () => ""),
  };
  return Object.entries(named).map(([name, entries]) => {
    const bundle = bundleBytes(entries.map((entry) => new Uint8Array(Buffer.from(entry, "hex"))));
    return { name, count: entries.length, bundle: hex(bundle), entries };
  });
}

function badBundles(): readonly VectorCase[] {
  return [
    { name: "no bytes for one entry", count: 1, bundle: "" },
    { name: "half a length", count: 1, bundle: "00" },
    { name: "an entry one byte short", count: 1, bundle: "000361ff" },
    { name: "the largest length and nothing behind it", count: 1, bundle: "ffff" },
    { name: "a byte behind the last entry", count: 1, bundle: "00016100" },
    { name: "an entry too many, of no bytes", count: 1, bundle: "0001610000" },
    { name: "an entry too few", count: 3, bundle: "000161000162" },
    { name: "a little-endian length", count: 1, bundle: "010061" },
  ].map((bad) => ({ ...bad, error: "BUNDLE_MALFORMED" }));
}
