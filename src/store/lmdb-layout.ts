/** Keys and widths of the tables: numbers big-endian, so that keys sort as numbers do. spec/storage.md */
import { concatBytes, encodeUint64 } from "../tlog/encoding.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import type { Environment, Layout, Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";

export interface LogTables {
  readonly meta: Table;
  readonly tiles: Table;
  readonly bundles: Table;
  readonly tail: Table;
  readonly leaves: Table;
}

export type LogEnvironment = Environment<LogTables>;

export const LOG_LAYOUT: Layout<LogTables> = {
  tableNames: ["meta", "tiles", "bundles", "tail", "leaves"],
  tablesOf: (table) => ({
    meta: table("meta"),
    tiles: table("tiles"),
    bundles: table("bundles"),
    tail: table("tail"),
    leaves: table("leaves"),
  }),
};

/** Full tiles to one value: a value of one 8 KiB tile would waste a third of its pages. */
export const TILES_PER_GROUP = 8;
export const GROUP_WIDTH = TILES_PER_GROUP * TILE_WIDTH;

/** A full bundle longer than this is kept in parts, so that one entry is read without copying up to 16 MiB. */
export const MAX_WHOLE_BUNDLE_BYTES = 262_144;
export const ENTRIES_PER_PART = 16;

/** A leaf index key is a prefix of the leaf hash: half the space of whole hashes, and exact because hits are confirmed. */
const LEAF_KEY_BYTES = 8;
/** Enough for 2^53 - 1. */
const LEAF_INDEX_BYTES = 7;

/** Key of a level's group of full tiles: level, then group number. */
export function tileGroupKey(level: number, group: number): Uint8Array {
  return concatBytes(Uint8Array.of(level), encodeUint64(group));
}

/** Key of a level's open tile. Shorter than any group's key. */
export function openTileKey(level: number): Uint8Array {
  return Uint8Array.of(level);
}

export function bundleKey(index: number): Uint8Array {
  return encodeUint64(index);
}

/** Key of part `part`, 0 to 15, of a long bundle. */
export function bundlePartKey(index: number, part: number): Uint8Array {
  return concatBytes(encodeUint64(index), Uint8Array.of(part));
}

export function tailKey(leafIndex: number): Uint8Array {
  return encodeUint64(leafIndex);
}

/** Key of the leaf index, a view. */
export function leafKey(leafHash: Uint8Array): Uint8Array {
  return leafHash.subarray(0, LEAF_KEY_BYTES);
}

/** Appends an index to a value of the leaf index. */
export function withLeafIndex(held: readonly number[], leafIndex: number): Uint8Array {
  const indices = [...held, leafIndex];
  const value = new Uint8Array(indices.length * LEAF_INDEX_BYTES);
  for (const [at, index] of indices.entries()) {
    value.set(encodeUint64(index).subarray(8 - LEAF_INDEX_BYTES), at * LEAF_INDEX_BYTES);
  }
  return value;
}

/** Reads a value of the leaf index: every index whose leaf hash begins with the key, ascending. */
export function leafIndices(value: Uint8Array): readonly number[] {
  if (value.length === 0 || value.length % LEAF_INDEX_BYTES !== 0) {
    throw damaged(`a leaf index value of ${value.length} bytes`);
  }
  const indices: number[] = [];
  for (let at = 0; at < value.length; at += LEAF_INDEX_BYTES) {
    let index = 0;
    for (const byte of value.subarray(at, at + LEAF_INDEX_BYTES)) index = index * 256 + byte;
    indices.push(index);
  }
  return indices;
}
