/** Keys and widths of the tables: numbers big-endian, so that keys sort as numbers do. spec/storage.md */
import { concatBytes, encodeUint64 } from "../tlog/encoding.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import type { Environment, Layout, Table } from "./lmdb-environment.ts";

export interface LogTables {
  readonly meta: Table;
  readonly tiles: Table;
  readonly bundles: Table;
  readonly tail: Table;
}

export type LogEnvironment = Environment<LogTables>;

export const LOG_LAYOUT: Layout<LogTables> = {
  tableNames: ["meta", "tiles", "bundles", "tail"],
  // Schema 1 kept the leaf index here.
  formerTableNames: ["leaves"],
  tablesOf: (table) => ({
    meta: table("meta"),
    tiles: table("tiles"),
    bundles: table("bundles"),
    tail: table("tail"),
  }),
};

/** Full tiles to one value: a value of one 8 KiB tile would waste a third of its pages. */
export const TILES_PER_GROUP = 8;
export const GROUP_WIDTH = TILES_PER_GROUP * TILE_WIDTH;

/** A full bundle longer than this is kept in parts, so that one entry is read without copying up to 16 MiB. */
export const MAX_WHOLE_BUNDLE_BYTES = 262_144;
export const ENTRIES_PER_PART = 16;

/** Key of a level's group of full tiles: level, then group number. */
export function tileGroupKey(level: number, group: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = level;
  // By hand: two are made for every proof.
  for (let at = 8, rest = group; rest > 0; at--, rest = Math.floor(rest / 256)) key[at] = rest % 256;
  return key;
}

/** Key of a level's open tile. Shorter than any group's key. */
export function openTileKey(level: number): Uint8Array {
  return Uint8Array.of(level);
}

/** Level of the keys of inner nodes: above all tile levels. */
const INNER_LEVEL = 0x80;

/** Key of the inner nodes of a group of full tiles of level 0. */
export function innerGroupKey(group: number): Uint8Array {
  return tileGroupKey(INNER_LEVEL, group);
}

/** Key of the inner nodes of the open tile of level 0. */
export function openInnerKey(): Uint8Array {
  return openTileKey(INNER_LEVEL);
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
