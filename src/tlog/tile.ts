/** Tiles: a Merkle tree cut into pieces of 256 hashes, and their URL paths.  c2sp.org/tlog-tiles, "Merkle Tree" */
import { TlogError } from "../errors.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { HASH_BYTES, nodeHashInto } from "../merkle/hash.ts";
import { assertSize } from "../merkle/sizes.ts";
import { formatDecimal, parseDecimal } from "./encoding.ts";

/** Tree levels in a tile: it holds the hashes at the lowest, and the other nodes are hashed from these. */
export const TILE_HEIGHT = 8;
/** Hashes, or entries of a bundle, when full. */
export const TILE_WIDTH = 2 ** TILE_HEIGHT;
const MAX_TILE_LEVEL = 63;

/** The first `width` hashes of a tile; hash i of tile (level, index) is the node (8 * level, 256 * index + i). */
export interface Tile {
  /** 0 to 63. 0: leaf hashes. */
  readonly level: number;
  readonly index: number;
  /** 1 to 256; less than 256: partial. */
  readonly width: number;
}

/** Entries [256 * index, 256 * index + width). */
export interface BundleCoordinate {
  readonly index: number;
  /** 1 to 256; less than 256: partial. */
  readonly width: number;
}

/**
 * How many hashes of a tile there are in a tree: 0 (no such tile) to 256.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function tileWidthAt(at: {
  readonly level: number;
  readonly index: number;
  readonly treeSize: number;
}): number {
  assertSize("treeSize", at.treeSize);
  assertTile({ ...at, width: TILE_WIDTH });
  const hashesInLevel = Math.floor(at.treeSize / TILE_WIDTH ** at.level);
  return Math.min(Math.max(hashesInLevel - at.index * TILE_WIDTH, 0), TILE_WIDTH);
}

/** Every tile of a tree, level by level, from left to right. For a log of any size: made one at a time. */
export function* tilesAt(treeSize: number): Generator<Tile, void, void> {
  assertSize("treeSize", treeSize);
  for (let level = 0; TILE_WIDTH ** level <= treeSize; level++) {
    const hashesInLevel = Math.floor(treeSize / TILE_WIDTH ** level);
    for (let index = 0; index * TILE_WIDTH < hashesInLevel; index++) {
      yield { level, index, width: Math.min(hashesInLevel - index * TILE_WIDTH, TILE_WIDTH) };
    }
  }
}

/** The partial tiles of a tree, level 0 first: at most one a level. Their hashes span the whole tree. */
export function partialTilesAt(treeSize: number): readonly Tile[] {
  assertSize("treeSize", treeSize);
  const tiles: Tile[] = [];
  for (let level = 0; TILE_WIDTH ** level <= treeSize; level++) {
    const hashesInLevel = Math.floor(treeSize / TILE_WIDTH ** level);
    const width = hashesInLevel % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: Math.floor(hashesInLevel / TILE_WIDTH), width });
  }
  return tiles;
}

/**
 * The tile a node's hash is read from, as wide as it is in a tree of `treeSize` leaves.
 * @throws {TlogError} ARGUMENT_INVALID (the tree does not have all leaves below the node)
 */
export function tileOfNode(node: NodeCoordinate, treeSize: number): Tile {
  assertSize("level", node.level);
  assertSize("index", node.index);
  if ((node.index + 1) * 2 ** node.level > treeSize) {
    const name = `node (level ${node.level}, index ${node.index})`;
    throw new TlogError("ARGUMENT_INVALID", `${name} is not complete in a tree of size ${treeSize}`);
  }
  const level = Math.floor(node.level / TILE_HEIGHT);
  const index = Math.floor(node.index / 2 ** (TILE_HEIGHT - (node.level % TILE_HEIGHT)));
  return { level, index, width: tileWidthAt({ level, index, treeSize }) };
}

/**
 * The hash of a node from the tile it lies in, hashed up from the tile's hashes.
 * @param tileHashes - exactly `tile.width` hashes; checked for length only.
 * @param node - any of the tile's 8 levels, or the root above a full tile.
 * @returns 32 bytes, the caller's own.
 * @throws {TlogError} TILE_MALFORMED | ARGUMENT_INVALID (the node is not in the tile)
 */
export function nodeFromTile(tileHashes: Uint8Array, tile: Tile, node: NodeCoordinate): Uint8Array {
  assertTile(tile);
  assertTileHashes(tileHashes, tile);
  const height = node.level - tile.level * TILE_HEIGHT;
  const first = node.index * 2 ** height - tile.index * TILE_WIDTH;
  if (height < 0 || height > TILE_HEIGHT || first < 0 || first + 2 ** height > tile.width) {
    const name = `node (level ${node.level}, index ${node.index})`;
    throw new TlogError("ARGUMENT_INVALID", `${name} is not in ${formatTilePath(tile)}`);
  }
  const hashes = new Uint8Array(hashesAt(tileHashes, first, 2 ** height));
  for (let count = 2 ** height; count > 1; count /= 2) {
    for (let at = 0; at < count; at += 2) {
      nodeHashInto(hashesAt(hashes, at, 1), hashesAt(hashes, at + 1, 1), hashes, (at / 2) * HASH_BYTES);
    }
  }
  return hashes.slice(0, HASH_BYTES);
}

/** @throws {TlogError} TILE_MALFORMED unless there are exactly `tile.width` hashes. */
export function assertTileHashes(tileHashes: Uint8Array, tile: Tile): void {
  const want = tile.width * HASH_BYTES;
  if (tileHashes.length !== want) {
    const path = formatTilePath(tile);
    throw new TlogError("TILE_MALFORMED", `${path}: want ${want} bytes, got ${tileHashes.length}`);
  }
}

/**
 * tile/0/x001/x234/067.p/7
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function formatTilePath(tile: Tile): string {
  assertTile(tile);
  return `tile/${tile.level}/${formatIndexAndWidth(tile)}`;
}

/**
 * tile/entries/x001/x234/067.p/7
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function formatBundlePath(bundle: BundleCoordinate): string {
  assertTile({ level: 0, ...bundle });
  return `tile/entries/${formatIndexAndWidth(bundle)}`;
}

/**
 * Parses the path of a tile, without a leading slash. A tile has one path.
 * @throws {TlogError} TILE_PATH_MALFORMED | NUMBER_TOO_LARGE (the index is above 2^53 - 1)
 */
export function parseTilePath(path: string): Tile {
  const [, level, index, width] = TILE_PATH.exec(path) ?? [];
  if (level === undefined || index === undefined) throw pathMalformed(path);
  return { level: parseDecimal(level), ...parseIndexAndWidth(index, width) };
}

/**
 * Parses the path of an entry bundle, without a leading slash. A bundle has one path.
 * @throws {TlogError} TILE_PATH_MALFORMED | NUMBER_TOO_LARGE (the index is above 2^53 - 1)
 */
export function parseBundlePath(path: string): BundleCoordinate {
  const [, index, width] = BUNDLE_PATH.exec(path) ?? [];
  if (index === undefined) throw pathMalformed(path);
  return parseIndexAndWidth(index, width);
}

const INDEX = "(?!x000/)(?:x[0-9]{3}/)*[0-9]{3}";
const PARTIAL_WIDTH = "[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]";
// Marked for bundlers: the client only writes paths, and need not carry how they are read.
const TILE_PATH = /* @__PURE__ */ pathsBelow("tile/([0-9]|[1-5][0-9]|6[0-3])");
const BUNDLE_PATH = /* @__PURE__ */ pathsBelow("tile/entries");

function parseIndexAndWidth(index: string, width: string | undefined): BundleCoordinate {
  const digits = index.replace(/[x/]/g, "").replace(/^0+(?=[0-9])/, "");
  return { index: parseDecimal(digits), width: width === undefined ? TILE_WIDTH : parseDecimal(width) };
}

function formatIndexAndWidth({ index, width }: BundleCoordinate): string {
  const digits = formatDecimal(index);
  const wholeGroups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  // Every group of three but the last: "001234067" becomes "x001/x234/067".
  const path = wholeGroups.replace(/[0-9]{3}(?=[0-9])/g, "x$&/");
  return width === TILE_WIDTH ? path : `${path}.p/${formatDecimal(width)}`;
}

function assertTile({ level, index, width }: Tile): void {
  assertSize("index", index);
  assertWithin("level", level, 0, MAX_TILE_LEVEL);
  assertWithin("width", width, 1, TILE_WIDTH);
}

function assertWithin(name: string, value: number, min: number, max: number): void {
  assertSize(name, value);
  if (value < min || value > max) {
    throw new TlogError("ARGUMENT_INVALID", `${name}: want ${min} to ${max}, got ${value}`);
  }
}

/** Hashes [first, first + count), not copied. */
function hashesAt(hashes: Uint8Array, first: number, count: number): Uint8Array {
  return hashes.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES);
}

function pathMalformed(path: string): TlogError {
  return new TlogError(
    "TILE_PATH_MALFORMED",
    `want the path of a tile or bundle, got ${JSON.stringify(path.slice(0, 80))}`,
  );
}

function pathsBelow(folder: string): RegExp {
  return new RegExp(`^${folder}/(${INDEX})(?:\\.p/(${PARTIAL_WIDTH}))?$`);
}
