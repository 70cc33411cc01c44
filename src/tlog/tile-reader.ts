/**
 * Reading a tree from tiles: which tiles a set of nodes needs, and the nodes' hashes from those tiles.
 *
 * Who trusts the tiles (a log that reads the right edge of its own storage as it starts) uses {@link readNodes}. Who does not
 * uses {@link readVerifiedTiles}, which hands out a hash only after it has been tied to the root of a verified checkpoint.
 */
import { TlogError } from "../errors.ts";
import { peakCoordinates, rangeRoot } from "../merkle/compact-range.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { assertHash, hashesEqual } from "../merkle/hash.ts";
import {
  assertTileHashes,
  formatTilePath,
  nodeFromTile,
  partialTilesAt,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  tileOfNode,
  tileWidthAt,
} from "./tile.ts";

/** Tiles and their bytes, `tile.width` hashes each. */
export type TileBytes = ReadonlyMap<Tile, Uint8Array>;

/** Brings the bytes of one tile, `tile.width` hashes; rejects when it cannot. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>;

/** The hash of a node. @throws {TlogError} ARGUMENT_INVALID (not in the tiles that were read) */
export type NodeReader = (node: NodeCoordinate) => Uint8Array;

/**
 * The hashes of `nodes`, in order, from tiles the caller trusts: each is read once, side by side, and nothing is verified.
 * @throws {TlogError} TILE_MALFORMED (wrong length) | ARGUMENT_INVALID (a node is not complete in a tree of `treeSize` leaves)
 */
export async function readNodes(
  nodes: readonly NodeCoordinate[],
  treeSize: number,
  readTile: ReadTile,
): Promise<readonly Uint8Array[]> {
  const tiles = new Map(
    nodes.map((node) => tileOfNode(node, treeSize)).map((tile) => [keyOf(tile), tile] as const),
  );
  return nodes.map(nodeReader(treeSize, await readTiles([...tiles.values()], readTile)));
}

/**
 * The tiles that {@link verifyTiles} needs to vouch for the hashes of `nodes`: theirs, the tiles above them, and the
 * partial tiles. For the nodes of a proof the last two come at no cost, for the proof itself is made of them.
 * @throws {TlogError} ARGUMENT_INVALID (a node is not complete in a tree of `treeSize` leaves)
 */
export function planTiles(args: {
  readonly treeSize: number;
  readonly nodes: readonly NodeCoordinate[];
}): readonly Tile[] {
  const { treeSize, nodes } = args;
  const tiles = new Map(partialTilesAt(treeSize).map((tile) => [keyOf(tile), tile]));
  for (const node of nodes) {
    for (let tile = tileOfNode(node, treeSize); !tiles.has(keyOf(tile)); tile = parentOf(tile, treeSize)) {
      tiles.set(keyOf(tile), tile);
    }
  }
  return [...tiles.values()].sort((a, b) => b.level - a.level || a.index - b.index);
}

/**
 * Verifies tiles against the root of a verified checkpoint, before any of their hashes is used.  c2sp.org/tlog-tiles
 *
 * The partial tiles span the tree: their hashes folded must be the root. The hash of every full tile must be in the tile
 * above it. So a tile that passes holds exactly the hashes the checkpoint commits to.
 * @param args.tiles - as {@link planTiles} lists them; copied neither here nor later: do not change the bytes.
 * @throws {TlogError} ROOT_MISMATCH | TILE_MALFORMED (wrong length) | ARGUMENT_INVALID (not what was planned) | HASH_MALFORMED
 */
export function verifyTiles(args: {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly tiles: TileBytes;
}): NodeReader {
  const { treeSize, rootHash, tiles } = args;
  assertHash("rootHash", rootHash);
  const read = nodeReader(treeSize, tiles);
  const peaks = peakCoordinates(treeSize).map(read);
  if (!hashesEqual(rangeRoot({ treeSize, peaks }), rootHash)) {
    throw new TlogError(
      "ROOT_MISMATCH",
      `the partial tiles of tree size ${treeSize} do not hash to its root`,
    );
  }
  for (const [tile, bytes] of tiles) {
    if (tile.width < TILE_WIDTH) continue;
    const root = { level: (tile.level + 1) * TILE_HEIGHT, index: tile.index };
    if (!hashesEqual(nodeFromTile(bytes, tile, root), read(root))) {
      throw new TlogError(
        "ROOT_MISMATCH",
        `${formatTilePath(tile)} does not hash to what the tile above it holds`,
      );
    }
  }
  return read;
}

/**
 * Plans, reads and verifies: what is read through the result is in the tree.
 * @param args.readTile - may read from anyone, and may ask a full tile for a partial one and cut it.
 * @throws {TlogError} as {@link planTiles} and {@link verifyTiles}
 */
export async function readVerifiedTiles(args: {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly nodes: readonly NodeCoordinate[];
  readonly readTile: ReadTile;
}): Promise<NodeReader> {
  const { treeSize, rootHash, readTile } = args;
  return verifyTiles({ treeSize, rootHash, tiles: await readTiles(planTiles(args), readTile) });
}

async function readTiles(tiles: readonly Tile[], readTile: ReadTile): Promise<TileBytes> {
  return new Map(await Promise.all(tiles.map(async (tile) => [tile, await readTile(tile)] as const)));
}

function nodeReader(treeSize: number, tiles: TileBytes): NodeReader {
  const byKey = new Map<string, Uint8Array>();
  for (const [tile, bytes] of tiles) {
    if (tile.width !== tileWidthAt({ ...tile, treeSize })) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `${formatTilePath(tile)} is no tile of a tree of size ${treeSize}`,
      );
    }
    assertTileHashes(bytes, tile);
    byKey.set(keyOf(tile), bytes);
  }
  // Who reads a log asks for the leaves of one tile after the other.
  let last: { readonly tile: Tile; readonly bytes: Uint8Array } | undefined;
  return (node) => {
    const tile = tileOfNode(node, treeSize);
    const isSame = last?.tile.level === tile.level && last.tile.index === tile.index;
    const bytes = isSame ? last?.bytes : byKey.get(keyOf(tile));
    if (bytes === undefined) throw new TlogError("ARGUMENT_INVALID", `${formatTilePath(tile)} was not read`);
    last = { tile, bytes };
    return nodeFromTile(bytes, tile, node);
  };
}

/** The tile that holds the hash of a full tile. */
function parentOf(tile: Tile, treeSize: number): Tile {
  return tileOfNode({ level: (tile.level + 1) * TILE_HEIGHT, index: tile.index }, treeSize);
}

/** The width is left out: it follows from the tree size. */
function keyOf({ level, index }: Tile): string {
  return `${level}/${index}`;
}
