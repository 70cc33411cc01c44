/** Reading tiles, entries and the leaf index. Each function is synchronous, so all it reads is of one snapshot. */
import { concatBytes, entryOffsets } from "./entries.ts";
import type { Table, Tables } from "./lmdb-environment.ts";
import {
  bundleKey,
  bundlePartKey,
  damaged,
  ENTRIES_PER_PART,
  GROUP_WIDTH,
  leafIndices,
  leafKey,
  openTileKey,
  tailKey,
  tileGroupKey,
} from "./lmdb-layout.ts";
import { bytesEqual, HASH_BYTES, TILE_WIDTH } from "./rules.ts";

/** Some hashes of a tile level. */
export interface HashRange {
  readonly level: number;
  /** How many hashes the level holds. */
  readonly held: number;
  readonly start: number;
  readonly count: number;
}

/**
 * Hashes [start, start + count) of a level, all within the open tile or within the full tiles of one group.
 * @returns undefined when the level does not hold them.
 */
export function readHashes(tiles: Table, { level, held, start, count }: HashRange): Uint8Array | undefined {
  if (start + count > held) return undefined;
  const openTileStart = held - (held % TILE_WIDTH);
  if (start >= openTileStart) {
    return sliceHashes(tiles, openTileKey(level), held - openTileStart, start - openTileStart, count);
  }
  const group = Math.floor(start / GROUP_WIDTH);
  const groupStart = group * GROUP_WIDTH;
  const width = Math.min(GROUP_WIDTH, openTileStart - groupStart);
  return sliceHashes(tiles, tileGroupKey(level, group), width, start - groupStart, count);
}

/** Entries [start, end) of one bundle, encoded; undefined when `end` is past `treeSize`. */
export function readEntryRange(
  tables: Tables,
  treeSize: number,
  range: { readonly start: number; readonly end: number },
): Uint8Array | undefined {
  if (range.end > treeSize) return undefined;
  const bundle = Math.floor(range.start / TILE_WIDTH);
  const bundleStart = bundle * TILE_WIDTH;
  if (bundleStart + TILE_WIDTH > treeSize) return concatBytes(readTail(tables.tail, range));
  return readFullBundle(tables.bundles, bundle, range.start - bundleStart, range.end - bundleStart);
}

/** Encoded entries [start, end) of the open bundle, one each. */
export function readTail(
  tail: Table,
  range: { readonly start: number; readonly end: number },
): readonly Uint8Array[] {
  const rows: Uint8Array[] = [];
  for (let leafIndex = range.start; leafIndex < range.end; leafIndex++) {
    rows.push(sliceEntries(tail, tailKey(leafIndex), 1, 0, 1) ?? missing(`entry ${leafIndex}`));
  }
  return rows;
}

/** The smallest index of a leaf hash, or undefined. */
export function findLeaf(tables: Tables, treeSize: number, leafHash: Uint8Array): number | undefined {
  const candidates = tables.leaves.view(leafKey(leafHash), leafIndices) ?? [];
  return candidates.find((start) => {
    const hash = readHashes(tables.tiles, { level: 0, held: treeSize, start, count: 1 });
    if (hash === undefined) throw damaged(`the leaf index names leaf ${start} of ${treeSize}`);
    return bytesEqual(hash, leafHash);
  });
}

function readFullBundle(bundles: Table, bundle: number, first: number, last: number): Uint8Array {
  const whole = sliceEntries(bundles, bundleKey(bundle), TILE_WIDTH, first, last);
  if (whole !== undefined) return whole;
  const slices: Uint8Array[] = [];
  for (let at = first; at < last; ) {
    const part = Math.floor(at / ENTRIES_PER_PART);
    const partStart = part * ENTRIES_PER_PART;
    const end = Math.min(last, partStart + ENTRIES_PER_PART);
    const key = bundlePartKey(bundle, part);
    const slice = sliceEntries(bundles, key, ENTRIES_PER_PART, at - partStart, end - partStart);
    slices.push(slice ?? missing(`bundle ${bundle}`));
    at = end;
  }
  return concatBytes(slices);
}

/** Copies hashes [start, start + count) out of a value that must hold exactly `width`. */
function sliceHashes(tiles: Table, key: Uint8Array, width: number, start: number, count: number): Uint8Array {
  const hashes = tiles.view(key, (value) => {
    if (value.length !== width * HASH_BYTES) {
      throw damaged(`tile row ${hex(key)}: want ${width * HASH_BYTES} bytes, got ${value.length}`);
    }
    return new Uint8Array(value.subarray(start * HASH_BYTES, (start + count) * HASH_BYTES));
  });
  return hashes ?? missing(`tile row ${hex(key)}`);
}

/** Copies entries [first, last) out of a value that must hold exactly `count`. */
function sliceEntries(
  table: Table,
  key: Uint8Array,
  count: number,
  first: number,
  last: number,
): Uint8Array | undefined {
  return table.view(key, (value) => {
    const offsets = entryOffsets(value, count);
    if (offsets === undefined) throw damaged(`entry row ${hex(key)} does not hold ${count} entries`);
    return new Uint8Array(value.subarray(offsets[first], offsets[last]));
  });
}

function missing(what: string): never {
  throw damaged(`${what} is missing`);
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}
