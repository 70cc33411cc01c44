/** Reading tiles and entries. Each function is synchronous, so all it reads is of one snapshot. */
import { orUndefined } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { messageOf } from "../node/errno.ts";
import { concatBytes, readUint64 } from "../tlog/encoding.ts";
import { entryOffsets } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { INNER_BYTES, type OpenInner, SECTION_WIDTH } from "./inner-nodes.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import {
  bundleKey,
  bundlePartKey,
  ENTRIES_PER_PART,
  GROUP_WIDTH,
  innerGroupKey,
  type LogTables,
  openInnerKey,
  openTileKey,
  TILES_PER_GROUP,
  tailKey,
  tileGroupKey,
} from "./lmdb-layout.ts";
import type { TileSection } from "./store.ts";

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
    const width = held - openTileStart;
    return sliceHashes(tiles, { key: openTileKey(level), width, start: start - openTileStart, count });
  }
  const group = Math.floor(start / GROUP_WIDTH);
  const groupStart = group * GROUP_WIDTH;
  const width = Math.min(GROUP_WIDTH, openTileStart - groupStart);
  return sliceHashes(tiles, { key: tileGroupKey(level, group), width, start: start - groupStart, count });
}

/** The 16 leaves among which a leaf is, and its tile's inner nodes; undefined when there are none. @throws {TlogError} STORE_DAMAGED: the leaves */
export function readSection(tiles: Table, leafIndex: number): TileSection | undefined {
  const tile = Math.floor(leafIndex / TILE_WIDTH);
  const group = Math.floor(tile / TILES_PER_GROUP);
  const nodes = readInner(tiles, group, tile % TILES_PER_GROUP);
  if (nodes === undefined) return undefined;
  const key = tileGroupKey(0, group);
  const start = leafIndex - (leafIndex % SECTION_WIDTH) - group * GROUP_WIDTH;
  const leaves = tiles.view(
    key,
    (value) => new Uint8Array(value.subarray(start * HASH_BYTES, (start + SECTION_WIDTH) * HASH_BYTES)),
  );
  if (leaves?.length === SECTION_WIDTH * HASH_BYTES) return { leaves, nodes };
  throw damaged(`tile row ${hex(key)}: want ${start + SECTION_WIDTH} hashes or more`);
}

function readInner(tiles: Table, group: number, inGroup: number): Uint8Array | undefined {
  return tiles.view(innerGroupKey(group), (value) => {
    if (!isInnerGroup(value)) return undefined;
    const nodes = new Uint8Array(value.subarray(inGroup * INNER_BYTES, (inGroup + 1) * INNER_BYTES));
    return nodes.some((byte) => byte !== 0) ? nodes : undefined;
  });
}

/** One of another length is as good as none: derived data is no reason to refuse. */
function isInnerGroup(value: Uint8Array): boolean {
  return value.length % INNER_BYTES === 0 && value.length <= TILES_PER_GROUP * INNER_BYTES;
}

/** What there is of the inner nodes of a group of tiles: INNER_BYTES for each from the first on, zeroes for those that are unknown. */
export function readInnerGroup(tiles: Table, group: number): Uint8Array {
  const value = tiles.view(innerGroupKey(group), (bytes) => new Uint8Array(bytes));
  return value !== undefined && isInnerGroup(value) ? value : new Uint8Array(0);
}

/** @returns undefined also when the row has another length or no number of sections. */
export function readOpenInner(tiles: Table): OpenInner | undefined {
  const value = tiles.view(openInnerKey(), (bytes) => new Uint8Array(bytes));
  if (value?.length !== 8 + INNER_BYTES) return undefined;
  const sections = orUndefined(() => readUint64(value, 0));
  return sections === undefined ? undefined : { sections, nodes: value.subarray(8) };
}

/** Entries [start, end) of one bundle, encoded; undefined when `end` is past `treeSize`. */
export function readEntryRange(
  tables: LogTables,
  treeSize: number,
  range: { readonly start: number; readonly end: number },
): Uint8Array | undefined {
  if (range.end > treeSize) return undefined;
  const bundle = Math.floor(range.start / TILE_WIDTH);
  const bundleStart = bundle * TILE_WIDTH;
  if (bundleStart + TILE_WIDTH > treeSize) return concatBytes(...readTail(tables.tail, range));
  const within = { start: range.start - bundleStart, end: range.end - bundleStart };
  return readFullBundle(tables.bundles, bundle, within);
}

/** Encoded entries [start, end) of the open bundle, one each. */
export function readTail(
  tail: Table,
  range: { readonly start: number; readonly end: number },
): readonly Uint8Array[] {
  const rows: Uint8Array[] = [];
  for (let leafIndex = range.start; leafIndex < range.end; leafIndex++) {
    rows.push(
      sliceEntries(tail, { key: tailKey(leafIndex), width: 1, start: 0, end: 1 }) ??
        missing(`entry ${leafIndex}`),
    );
  }
  return rows;
}

/** Entries [start, end) of a full bundle, 0 to 256. */
function readFullBundle(
  bundles: Table,
  bundle: number,
  { start, end }: { readonly start: number; readonly end: number },
): Uint8Array {
  const whole = sliceEntries(bundles, { key: bundleKey(bundle), width: TILE_WIDTH, start, end });
  if (whole !== undefined) return whole;
  const slices: Uint8Array[] = [];
  for (let at = start; at < end; ) {
    const part = Math.floor(at / ENTRIES_PER_PART);
    const partStart = part * ENTRIES_PER_PART;
    const partEnd = Math.min(end, partStart + ENTRIES_PER_PART);
    const slice = sliceEntries(bundles, {
      key: bundlePartKey(bundle, part),
      width: ENTRIES_PER_PART,
      start: at - partStart,
      end: partEnd - partStart,
    });
    slices.push(slice ?? missing(`bundle ${bundle}`));
    at = partEnd;
  }
  return concatBytes(...slices);
}

/** Copies hashes [start, start + count) out of a value that must hold exactly `width`. */
function sliceHashes(
  tiles: Table,
  {
    key,
    width,
    start,
    count,
  }: { readonly key: Uint8Array; readonly width: number; readonly start: number; readonly count: number },
): Uint8Array {
  const hashes = tiles.view(key, (value) => {
    if (value.length !== width * HASH_BYTES) {
      throw damaged(`tile row ${hex(key)}: want ${width * HASH_BYTES} bytes, got ${value.length}`);
    }
    return new Uint8Array(value.subarray(start * HASH_BYTES, (start + count) * HASH_BYTES));
  });
  return hashes ?? missing(`tile row ${hex(key)}`);
}

/** Copies entries [start, end) out of a value that must hold exactly `width`. */
function sliceEntries(
  table: Table,
  {
    key,
    width,
    start,
    end,
  }: { readonly key: Uint8Array; readonly width: number; readonly start: number; readonly end: number },
): Uint8Array | undefined {
  return table.view(key, (value) => {
    const offsets = offsetsIn(value, key, width);
    return new Uint8Array(value.subarray(offsets[start], offsets[end]));
  });
}

function offsetsIn(value: Uint8Array, key: Uint8Array, width: number): Uint32Array {
  try {
    return entryOffsets(value, width);
  } catch (cause) {
    throw damaged(`entry row ${hex(key)}: ${messageOf(cause)}`, cause);
  }
}

function missing(what: string): never {
  throw damaged(`${what} is missing`);
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}
