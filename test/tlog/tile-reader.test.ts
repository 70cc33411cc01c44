import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rangeRoot } from "../../src/merkle/compact-range.ts";
import { planConsistency, verifyConsistency } from "../../src/merkle/consistency.ts";
import type { NodeCoordinate } from "../../src/merkle/coordinates.ts";
import { planInclusion, verifyInclusion } from "../../src/merkle/inclusion.ts";
import { assembleProof, type ProofPlan, planRoot } from "../../src/merkle/proof-plan.ts";
import { formatTilePath, nodeFromTile, type Tile } from "../../src/tlog/tile.ts";
import {
  planTiles,
  type ReadTile,
  readNodes,
  readVerifiedTiles,
  verifyTiles,
} from "../../src/tlog/tile-reader.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { hex, referenceTree, sha256 } from "../reference/merkle.ts";
import { flipBit } from "../reference/mutate.ts";
import { tileBytes } from "../reference/tiles.ts";
import { runs } from "../runs.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const SIZE = 66_000;
const tree = referenceTree(SIZE);
const SIZES = [1, 2, 255, 256, 257, 511, 512, 5000, 65_535, 65_536, 65_537, SIZE];
const anySize = fc.oneof(fc.constantFrom(...SIZES), fc.integer({ min: 1, max: SIZE }));

const leaf = (index: number): NodeCoordinate => ({ level: 0, index });
const bytesOf = (tile: Tile) => tileBytes(tree, tile);
const pathsOf = (tiles: readonly Tile[]) => tiles.map(formatTilePath);

/** What was read, as a log's storage or a fetcher sees it. */
function recorder() {
  const paths: string[] = [];
  const readTile = async (tile: Tile) => {
    paths.push(formatTilePath(tile));
    return bytesOf(tile);
  };
  return { paths, readTile };
}

async function readProof(plan: ProofPlan, treeSize: number, readTile: ReadTile) {
  return assembleProof(plan, await readNodes(plan.nodes, treeSize, readTile));
}

describe("reading trusted tiles", () => {
  it("makes inclusion and consistency proofs of any size that verify", async () => {
    const { readTile } = recorder();
    await fc.assert(
      fc.asyncProperty(anySize, fc.nat(), async (treeSize, seed) => {
        const at = { leafIndex: seed % treeSize, treeSize };
        const rootHash = tree.root(treeSize);
        const inclusion = await readProof(planInclusion(at), treeSize, readTile);
        verifyInclusion({ ...at, leafHash: tree.leafHashes[at.leafIndex]!, rootHash, proof: inclusion });

        const between = { fromSize: 1 + at.leafIndex, toSize: treeSize };
        const consistency = await readProof(planConsistency(between), treeSize, readTile);
        const fromRoot = tree.root(between.fromSize);
        verifyConsistency({ ...between, fromRoot, toRoot: rootHash, proof: consistency });

        const peaks = await readProof(planRoot(treeSize), treeSize, readTile);
        expect(hex(rangeRoot({ treeSize, peaks }))).toBe(hex(rootHash));
      }),
      { numRuns: runs(60) },
    );
  });

  it("reads each tile once, and one a level at most beside the right edge's", async () => {
    const { paths, readTile } = recorder();
    await readProof(planInclusion({ leafIndex: 1000, treeSize: SIZE }), SIZE, readTile);
    expect(paths).toEqual(["tile/0/003", "tile/1/000", "tile/1/001.p/1", "tile/0/257.p/208"]);
  });

  it("reads each tile once, in the order the nodes ask for them", async () => {
    const nodes = [leaf(300), leaf(0), leaf(301), { level: 8, index: 0 }, leaf(1)];
    const { paths, readTile } = recorder();
    await readNodes(nodes, 600, readTile);
    expect(paths).toEqual(["tile/0/001", "tile/0/000", "tile/1/000.p/2"]);
    expect(await readNodes([], 600, readTile)).toEqual([]);
    expect(paths).toHaveLength(3);
  });

  it("returns hashes in the order of the nodes, duplicates included", async () => {
    const nodes = [leaf(300), leaf(0), leaf(300), { level: 3, index: 2 }];
    const want = [tree.hash(300, 301), tree.hash(0, 1), tree.hash(300, 301), tree.hash(16, 24)];
    expect((await readNodes(nodes, 600, recorder().readTile)).map(hex)).toEqual(want.map(hex));
  });

  it("refuses nodes beyond the tree and tiles of the wrong length", async () => {
    const { readTile } = recorder();
    await expectCodeAsync(readNodes([leaf(600)], 600, readTile), "ARGUMENT_INVALID");
    await expectCodeAsync(
      readNodes([leaf(0)], 600, async () => new Uint8Array(8191)),
      "TILE_MALFORMED",
    );
  });

  it("passes on why a tile cannot be read", async () => {
    const failure = new RangeError("the disk is on fire");
    await expect(readNodes([leaf(0)], 600, () => Promise.reject(failure))).rejects.toBe(failure);
  });
});

describe("the tiles to verify", () => {
  it("are the partial tiles, the nodes' own, and all between them, from the top down", () => {
    expect(pathsOf(planTiles({ treeSize: SIZE, nodes: [leaf(1000)] }))).toEqual([
      "tile/2/000.p/1",
      "tile/1/000",
      "tile/1/001.p/1",
      "tile/0/003",
      "tile/0/257.p/208",
    ]);
    expect(pathsOf(planTiles({ treeSize: 65_536, nodes: [leaf(1000)] }))).toEqual([
      "tile/2/000.p/1",
      "tile/1/000",
      "tile/0/003",
    ]);
  });

  it("are the partial tiles alone when no node is wanted, and none of the empty tree", () => {
    expect(pathsOf(planTiles({ treeSize: 600, nodes: [] }))).toEqual(["tile/1/000.p/2", "tile/0/002.p/88"]);
    expect(planTiles({ treeSize: 0, nodes: [] })).toEqual([]);
  });

  it("are no more than an inclusion proof reads anyway, but for the one that says the root of the leaf's tiles", async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.nat(), async (treeSize, seed) => {
        const { nodes } = planInclusion({ leafIndex: seed % treeSize, treeSize });
        const { paths, readTile } = recorder();
        await readNodes(nodes, treeSize, readTile);
        const extra = pathsOf(planTiles({ treeSize, nodes })).filter((path) => !paths.includes(path));
        expect(extra.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("are few in a tree of 2^53 - 1 leaves, and exact", () => {
    const paths = pathsOf(planTiles({ treeSize: MAX_SIZE, nodes: [leaf(2 ** 52)] }));
    expect(paths.at(0)).toBe("tile/6/000.p/31");
    expect(paths).toContain("tile/0/x017/x592/x186/x044/416");
    expect(paths.length).toBe(7 + 6);
  });

  it("are not planned for nodes beyond the tree", () => {
    expectCode(() => planTiles({ treeSize: 600, nodes: [leaf(600)] }), "ARGUMENT_INVALID");
    expectCode(() => planTiles({ treeSize: 2 ** 53, nodes: [] }), "ARGUMENT_INVALID");
  });
});

describe("verified tiles", () => {
  function fetched(treeSize: number, nodes: readonly NodeCoordinate[]): Map<Tile, Uint8Array> {
    return new Map(planTiles({ treeSize, nodes }).map((tile) => [tile, bytesOf(tile)]));
  }

  it("give the hashes of the tree, at any size", () => {
    fc.assert(
      fc.property(anySize, fc.array(fc.nat(), { maxLength: 4 }), (treeSize, seeds) => {
        const leaves = seeds.map((seed) => leaf(seed % treeSize));
        const read = verifyTiles({
          treeSize,
          rootHash: tree.root(treeSize),
          tiles: fetched(treeSize, leaves),
        });
        for (const node of leaves) expect(hex(read(node))).toBe(hex(tree.leafHashes[node.index]!));
      }),
      { numRuns: runs(60) },
    );
  });

  it("make a proof", async () => {
    const { readTile } = recorder();
    const at = { leafIndex: 1000, treeSize: SIZE };
    const plan = planInclusion(at);
    const rootHash = tree.root(SIZE);
    const read = await readVerifiedTiles({ treeSize: SIZE, rootHash, nodes: plan.nodes, readTile });
    const proof = assembleProof(plan, plan.nodes.map(read));
    verifyInclusion({ ...at, leafHash: tree.leafHashes[1000]!, rootHash, proof });
  });

  it("are refused with any bit flipped in any of them", () => {
    const tiles = fetched(SIZE, [leaf(1000), leaf(70)]);
    fc.assert(
      fc.property(fc.nat({ max: tiles.size - 1 }), fc.nat(), (at, seed) => {
        const [tile, bytes] = [...tiles][at]!;
        const damaged = new Map(tiles).set(tile, flipBit(bytes, seed % (bytes.length * 8)));
        expectCode(
          () => verifyTiles({ treeSize: SIZE, rootHash: tree.root(SIZE), tiles: damaged }),
          "ROOT_MISMATCH",
        );
      }),
      { numRuns: runs(60) },
    );
  });

  it("are refused when a forged tile is backed by a forged tile above it", () => {
    const tiles = fetched(SIZE, [leaf(1000)]);
    const [low, high] = ["tile/0/003", "tile/1/000"].map((path) => {
      return [...tiles.keys()].find((tile) => formatTilePath(tile) === path)!;
    }) as [Tile, Tile];
    const forged = flipBit(tiles.get(low)!, 0);
    const above = Uint8Array.from(tiles.get(high)!);
    above.set(nodeFromTile(forged, low, { level: 8, index: 3 }), 3 * 32);
    const damaged = new Map(tiles).set(low, forged).set(high, above);
    expectCode(
      () => verifyTiles({ treeSize: SIZE, rootHash: tree.root(SIZE), tiles: damaged }),
      "ROOT_MISMATCH",
    );
  });

  it("are refused when two of them are exchanged", () => {
    const tiles = fetched(SIZE, [leaf(0), leaf(256)]);
    const [a, b] = [...tiles.keys()].filter(({ level, width }) => level === 0 && width === 256) as [
      Tile,
      Tile,
    ];
    const exchanged = new Map(tiles).set(a, tiles.get(b)!).set(b, tiles.get(a)!);
    expectCode(
      () => verifyTiles({ treeSize: SIZE, rootHash: tree.root(SIZE), tiles: exchanged }),
      "ROOT_MISMATCH",
    );
  });

  it("are refused under the root of another size, or another log", () => {
    const tiles = fetched(600, [leaf(0)]);
    for (const rootHash of [tree.root(599), tree.root(601), new Uint8Array(32)]) {
      expectCode(() => verifyTiles({ treeSize: 600, rootHash, tiles }), "ROOT_MISMATCH");
    }
    expectCode(() => verifyTiles({ treeSize: 600, rootHash: new Uint8Array(31), tiles }), "HASH_MALFORMED");
  });

  it("are refused when short or long by any amount", () => {
    const tiles = fetched(600, [leaf(0)]);
    for (const [tile, bytes] of tiles) {
      for (const wrong of [
        bytes.subarray(1),
        bytes.subarray(32),
        Buffer.concat([bytes, bytes]),
        new Uint8Array(0),
      ]) {
        const damaged = new Map(tiles).set(tile, wrong);
        expectCode(
          () => verifyTiles({ treeSize: 600, rootHash: tree.root(600), tiles: damaged }),
          "TILE_MALFORMED",
        );
      }
    }
  });

  it("are refused when one of the plan is missing, or is of another tree size", () => {
    const tiles = fetched(SIZE, [leaf(1000)]);
    const rootHash = tree.root(SIZE);
    for (const tile of tiles.keys()) {
      if (formatTilePath(tile) === "tile/0/003") continue;
      const fewer = new Map(tiles);
      fewer.delete(tile);
      expectCode(() => verifyTiles({ treeSize: SIZE, rootHash, tiles: fewer }), "ARGUMENT_INVALID");
    }
    const narrow = { level: 0, index: 3, width: 100 };
    const older = new Map(tiles).set(narrow, bytesOf(narrow));
    expectCode(() => verifyTiles({ treeSize: SIZE, rootHash, tiles: older }), "ARGUMENT_INVALID");
    const beyond = { level: 0, index: 900, width: 256 };
    const foreign = new Map(tiles).set(beyond, new Uint8Array(8192));
    expectCode(() => verifyTiles({ treeSize: SIZE, rootHash, tiles: foreign }), "ARGUMENT_INVALID");
  });

  it("give no hash of a tile that was not read", () => {
    const read = verifyTiles({ treeSize: 600, rootHash: tree.root(600), tiles: fetched(600, [leaf(0)]) });
    expectCode(() => read(leaf(300)), "ARGUMENT_INVALID");
    expectCode(() => read(leaf(600)), "ARGUMENT_INVALID");
  });

  it("of the empty tree are none, and have the empty root", () => {
    verifyTiles({ treeSize: 0, rootHash: sha256(), tiles: new Map() });
    expectCode(() => verifyTiles({ treeSize: 0, rootHash: tree.root(1), tiles: new Map() }), "ROOT_MISMATCH");
  });

  it("vouch for leaf 2^40 of a tree of 2^45 leaves", () => {
    const treeSize = 2 ** 45;
    const node = leaf(2 ** 40 + 5);
    const tiles = new Map<Tile, Uint8Array>();
    let below: { tile: Tile; bytes: Uint8Array } | undefined;
    for (const tile of planTiles({ treeSize, nodes: [node] }).toReversed()) {
      const bytes = Uint8Array.from({ length: tile.width * 32 }, (_, i) => (i * 7 + tile.level) % 251);
      if (below) {
        const root = { level: tile.level * 8, index: below.tile.index };
        bytes.set(nodeFromTile(below.bytes, below.tile, root), (below.tile.index % 256) * 32);
      }
      tiles.set(tile, bytes);
      below = { tile, bytes };
    }
    const top = below!;
    expect(formatTilePath(top.tile)).toBe("tile/5/000.p/32");
    const rootHash = nodeFromTile(top.bytes, top.tile, { level: 45, index: 0 });
    const read = verifyTiles({ treeSize, rootHash, tiles });
    expect(read(node)).toEqual([...tiles].at(0)![1].slice(5 * 32, 6 * 32));
    const [lowest, bytes] = [...tiles].at(0)!;
    const damaged = new Map(tiles).set(lowest, flipBit(bytes, 0));
    expectCode(() => verifyTiles({ treeSize, rootHash, tiles: damaged }), "ROOT_MISMATCH");
  });
});
