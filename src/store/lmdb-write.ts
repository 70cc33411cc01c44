/** Writing a batch. Runs inside a transaction, which undoes all of it when anything here throws. */
import { InvariantError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { concatBytes, encodeUint64 } from "../tlog/encoding.ts";
import { type EntryBlock, entryOffsets } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { appendInner, INNER_BYTES } from "./inner-nodes.ts";
import type { Table } from "./lmdb-environment.ts";
import {
  bundleKey,
  bundlePartKey,
  ENTRIES_PER_PART,
  innerGroupKey,
  type LogTables,
  MAX_WHOLE_BUNDLE_BYTES,
  openInnerKey,
  openTileKey,
  TILES_PER_GROUP,
  tailKey,
  tileGroupKey,
} from "./lmdb-layout.ts";
import { writeIntegrated } from "./lmdb-meta.ts";
import { type HashRange, readHashes, readInnerGroup, readOpenInner, readTail } from "./lmdb-read.ts";
import type { Batch, LevelAppend } from "./store.ts";

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const PAGE_BYTES = 4096;

/** Writes everything a batch adds. The head it builds on is already checked. */
export function writeBatch(tables: LogTables, batch: Batch): void {
  writeEntries(tables, batch);
  for (const append of batch.levels) writeLevel(tables.tiles, append);
  writeInner(tables.tiles, batch);
  writeIntegrated(tables.meta, batch.head);
}

/** At most how many bytes the data file grows by: copied pages, split pages and rounding included. */
export function growthBound(tables: LogTables, batch: Batch): number {
  const openStart = batch.from - (batch.from % TILE_WIDTH);
  const tail = readTail(tables.tail, { start: openStart, end: batch.from });
  const entryBytes = batch.entries.bytes.length + tail.reduce((sum, row) => sum + row.length, 0);
  const hashBytes = batch.levels.reduce((sum, { hashes }) => sum + hashes.length, 0);
  // Of inner nodes there is a value of two pages for eight tiles.
  const innerBytes = (hashBytes * INNER_BYTES) / TILE_BYTES;
  const pages =
    2 * Math.ceil((entryBytes + hashBytes + innerBytes) / PAGE_BYTES) + 32 * batch.levels.length + 64;
  return pages * PAGE_BYTES;
}

function writeEntries({ bundles, tail }: LogTables, { from, entries, head }: Batch): void {
  for (let start = from; start < head.treeSize; ) {
    const bundleStart = start - (start % TILE_WIDTH);
    const bundleEnd = bundleStart + TILE_WIDTH;
    const end = Math.min(bundleEnd, head.treeSize);
    if (end === bundleEnd) {
      const added = entriesBetween(entries, start - from, end - from);
      const rows = readTail(tail, { start: bundleStart, end: start });
      const bytes = rows.length === 0 ? added : concatBytes(...rows, added);
      writeBundle(bundles, bundleStart / TILE_WIDTH, bytes);
      for (let moved = bundleStart; moved < start; moved++) tail.remove(tailKey(moved));
    } else {
      for (let leafIndex = start; leafIndex < end; leafIndex++) {
        tail.put(tailKey(leafIndex), entriesBetween(entries, leafIndex - from, leafIndex - from + 1));
      }
    }
    start = end;
  }
}

/** Entries [start, end), a view. */
function entriesBetween({ bytes, offsets }: EntryBlock, start: number, end: number): Uint8Array {
  const from = offsets[start];
  const to = offsets[end];
  if (from === undefined || to === undefined) throw new InvariantError(`no entries [${start}, ${end})`);
  return bytes.subarray(from, to);
}

function writeBundle(bundles: Table, index: number, bytes: Uint8Array): void {
  if (bytes.length <= MAX_WHOLE_BUNDLE_BYTES) {
    bundles.put(bundleKey(index), bytes);
    return;
  }
  const offsets = entryOffsets(bytes, TILE_WIDTH);
  for (let start = 0; start < TILE_WIDTH; start += ENTRIES_PER_PART) {
    const part = bytes.subarray(offsets[start], offsets[start + ENTRIES_PER_PART]);
    bundles.put(bundlePartKey(index, start / ENTRIES_PER_PART), part);
  }
}

function writeLevel(tiles: Table, { level, start, hashes }: LevelAppend): void {
  const openWidth = start % TILE_WIDTH;
  const openStart = start - openWidth;
  const held = (from: number, count: number): Uint8Array =>
    count === 0 ? new Uint8Array(0) : heldHashes(tiles, { level, held: start, start: from, count });
  const open = concatBytes(held(openStart, openWidth), hashes);
  const fullBytes = open.length - (open.length % TILE_BYTES);
  let tile = openStart / TILE_WIDTH;
  for (let at = 0; at < fullBytes; ) {
    const inGroup = tile % TILES_PER_GROUP;
    const groupTile = tile - inGroup;
    const end = Math.min(fullBytes, at + (TILES_PER_GROUP - inGroup) * TILE_BYTES);
    const before = held(groupTile * TILE_WIDTH, inGroup * TILE_WIDTH);
    const value = concatBytes(before, open.subarray(at, end));
    tiles.put(tileGroupKey(level, groupTile / TILES_PER_GROUP), value);
    tile += (end - at) / TILE_BYTES;
    at = end;
  }
  if (fullBytes < open.length) tiles.put(openTileKey(level), open.subarray(fullBytes));
  else if (openWidth > 0) tiles.remove(openTileKey(level));
}

/** Derived data, in the transaction that makes the tiles full: a tile has its inner nodes from the beginning, or never. */
function writeInner(tiles: Table, { from, head, levels }: Batch): void {
  const inner = levels[0]?.inner;
  if (inner === undefined) return;
  const { full, open } = appendInner(readOpenInner(tiles), { from, to: head.treeSize }, inner);
  for (let at = 0; at < full.length; ) {
    const group = Math.floor((full[at]?.index ?? 0) / TILES_PER_GROUP);
    const firstTile = group * TILES_PER_GROUP;
    const ofGroup = full.slice(at).filter(({ index }) => index < firstTile + TILES_PER_GROUP);
    const last = ofGroup.at(-1)?.index ?? firstTile;
    // Tiles of which nothing is known are zeroes.
    const value = new Uint8Array((last - firstTile + 1) * INNER_BYTES);
    value.set(readInnerGroup(tiles, group).subarray(0, ((full[at]?.index ?? 0) - firstTile) * INNER_BYTES));
    for (const { index, nodes } of ofGroup) value.set(nodes, (index - firstTile) * INNER_BYTES);
    tiles.put(innerGroupKey(group), value);
    at += ofGroup.length;
  }
  if (open !== undefined) tiles.put(openInnerKey(), concatBytes(encodeUint64(open.sections), open.nodes));
}

function heldHashes(tiles: Table, range: HashRange): Uint8Array {
  const hashes = readHashes(tiles, range);
  if (hashes === undefined)
    throw new InvariantError(`level ${range.level} does not hold ${range.count} hashes`);
  return hashes;
}
