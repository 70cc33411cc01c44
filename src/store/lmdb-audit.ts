/** Reading a log's rows to check them: as they are, each by itself, damaged ones too. Beside a writer, or without one. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { concatBytes, readUint16 } from "../tlog/encoding.ts";
import { type BundleCoordinate, TILE_WIDTH, type Tile } from "../tlog/tile.ts";
import { INNER_BYTES, SECTION_WIDTH } from "./inner-nodes.ts";
import type { TileHashes } from "./leaf-index/leaf-index.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import {
  bundleKey,
  bundlePartKey,
  ENTRIES_PER_PART,
  GROUP_WIDTH,
  innerGroupKey,
  LOG_LAYOUT,
  type LogTables,
  openInnerKey,
  TILES_PER_GROUP,
  tailKey,
} from "./lmdb-layout.ts";
import {
  publishedReader,
  readFrozen,
  readHead,
  readIntegrated,
  readKeys,
  readLineage,
  readStoreRow,
  readWriterRow,
  treeSizeReader,
  type VersionedStoreRow,
  type WriterRow,
} from "./lmdb-meta.ts";
import { openForReading } from "./lmdb-opening.ts";
import { readHashes, readOpenInner } from "./lmdb-read.ts";
import { strayKeys } from "./lmdb-strays.ts";
import { hashesAtLevel } from "./rules.ts";
import type { FrozenHead, IntegratedHead, KeptKeyHistory, PublishedHead, SignedHead } from "./store.ts";

/** A row; undefined, and why, when it is absent or damaged. */
export interface AuditedRow<T> {
  readonly value?: T | undefined;
  /** Only of a row that is damaged, or absent where it must be there. */
  readonly problem?: string | undefined;
}

export interface AuditedRows {
  readonly store: AuditedRow<VersionedStoreRow>;
  readonly writer: AuditedRow<WriterRow>;
  readonly lineage: AuditedRow<string>;
  readonly head: AuditedRow<IntegratedHead>;
  readonly signed: AuditedRow<SignedHead>;
  readonly frozen: AuditedRow<FrozenHead>;
  readonly keys: AuditedRow<KeptKeyHistory>;
  readonly published: AuditedRow<PublishedHead>;
}

/** Every method but `close` throws {TlogError} STORE_DAMAGED | STORE_FAILED for what it cannot read. */
export interface LmdbAudit {
  /** As of now. */
  rows(): AuditedRows;
  /** Takes this for the tree size from now on: for a store whose own row of it is damaged. */
  assumeSize(treeSize: number): void;
  /** Reads after this call see all that was durable at the call. */
  refresh(): void;
  /** Hashes of a tile as it is in a tree of `treeSize` leaves, which the log has reached. */
  readTile(tile: Tile): Uint8Array | undefined;
  /** The entries of a bundle, of whatever length; undefined when a row of them is missing. */
  readBundle(bundle: BundleCoordinate): Uint8Array | undefined;
  /** The inner nodes of a full tile of level 0, 960 bytes; undefined when none are kept. */
  readInner(tileIndex: number): Uint8Array | undefined;
  /** Those of the open tile; undefined when none are kept, or used, or the log has another size than this by now. */
  readOpenInner(treeSize: number): Uint8Array | undefined;
  /** Of one tile level: what the leaf index is compared with. */
  readHashes(range: TileHashes): Uint8Array | undefined;
  /** Goes through the keys of a table. @returns those of rows that should not be there, "tail 000000000000000a", some at a time. */
  strays(table: keyof LogTables): AsyncGenerator<readonly string[], void, void>;
  close(): Promise<void>;
}

/**
 * Opens a log's directory whatever its rows say.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED
 */
export async function openLmdbAudit(directory: string): Promise<LmdbAudit> {
  const { env, close } = await openForReading({
    directory,
    layout: LOG_LAYOUT,
    what: "log",
    check: () => true,
    isSequential: true,
  });
  const { tables } = env;
  const sizeNow = treeSizeReader(tables.meta);
  let assumed: number | undefined; // owned by assumeSize()
  /** What the rows are laid out for. Read with each of them, since a writer may be at work. */
  const treeSize = (): number => assumed ?? sizeNow();
  const hashes = ({ level, start, count }: TileHashes): Uint8Array | undefined =>
    readHashes(tables.tiles, { level, held: hashesAtLevel(treeSize(), level), start, count });
  const groups = groupReader((range) => hashes(range), treeSize);
  return {
    rows() {
      env.refresh();
      return rowsOf(tables.meta);
    },
    assumeSize(size) {
      assumed = size;
    },
    refresh: () => env.refresh(),
    readTile: (tile) =>
      groups(tile) ?? hashes({ ...tile, start: tile.index * TILE_WIDTH, count: tile.width }),
    readBundle: (bundle) => readBundle(tables, bundle, treeSize()),
    readInner: (tileIndex) => readInner(tables.tiles, tileIndex),
    readOpenInner: (size) => (size === treeSize() ? readOpenNodes(tables.tiles, size) : undefined),
    readHashes: hashes,
    strays: (table) => strayKeys(env, table, treeSize),
    close,
  };
}

function rowsOf(meta: Table): AuditedRows {
  return {
    store: audited(() => readStoreRow(meta), "store"),
    writer: audited(() => readWriterRow(meta), "writer"),
    lineage: audited(() => readLineage(meta)),
    head: audited(() => readIntegrated(meta), "head"),
    signed: audited(() => readHead(meta).signed),
    frozen: audited(() => readFrozen(meta)),
    keys: audited(() => readKeys(meta)),
    published: audited(publishedReader(meta)),
  };
}

/** @param name - of a row that must be there. */
function audited<T>(read: () => T | undefined, name?: string): AuditedRow<T> {
  try {
    const value = read();
    return value === undefined && name !== undefined ? { problem: `meta row ${name} is missing` } : { value };
  } catch (error) {
    if (error instanceof TlogError && error.code !== "STORE_SCHEMA_UNKNOWN")
      return { problem: error.message };
    throw error;
  }
}

/** Reads full tiles a whole row at a time, and keeps the last: tiles are read one after the other. */
function groupReader(
  hashes: (range: TileHashes) => Uint8Array | undefined,
  treeSize: () => number,
): (tile: Tile) => Uint8Array | undefined {
  let held: { readonly group: number; readonly bytes: Uint8Array } | undefined; // owned by the function below
  return ({ level, index, width }) => {
    const group = Math.floor(index / TILES_PER_GROUP);
    if (level > 0 || width < TILE_WIDTH || (group + 1) * GROUP_WIDTH > treeSize()) return undefined;
    if (held?.group !== group) {
      const bytes = hashes({ level, start: group * GROUP_WIDTH, count: GROUP_WIDTH });
      if (bytes === undefined) return undefined;
      held = { group, bytes };
    }
    const at = (index % TILES_PER_GROUP) * TILE_WIDTH * HASH_BYTES;
    return held.bytes.slice(at, at + TILE_WIDTH * HASH_BYTES);
  };
}

/** Rows put together, not looked into: what cannot be taken apart is for the caller to judge. */
function readBundle(
  tables: LogTables,
  { index, width }: BundleCoordinate,
  treeSize: number,
): Uint8Array | undefined {
  const start = index * TILE_WIDTH;
  if (start + TILE_WIDTH > treeSize) return joined(tables.tail, tailKeys(start, width));
  const whole = rowOf(tables.bundles, bundleKey(index)) ?? joined(tables.bundles, partKeys(index));
  return whole === undefined || width === TILE_WIDTH ? whole : firstEntries(whole, width);
}

function tailKeys(start: number, width: number): readonly Uint8Array[] {
  return Array.from({ length: width }, (_, at) => tailKey(start + at));
}

function partKeys(index: number): readonly Uint8Array[] {
  return Array.from({ length: TILE_WIDTH / ENTRIES_PER_PART }, (_, part) => bundlePartKey(index, part));
}

function joined(table: Table, keys: readonly Uint8Array[]): Uint8Array | undefined {
  const rows: Uint8Array[] = [];
  for (const key of keys) {
    const row = rowOf(table, key);
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return concatBytes(...rows);
}

function rowOf(table: Table, key: Uint8Array): Uint8Array | undefined {
  return table.view(key, (value) => new Uint8Array(value));
}

/** Of a bundle that became full since: all of it when its entries cannot be told apart. */
function firstEntries(bytes: Uint8Array, count: number): Uint8Array {
  let end = 0;
  for (let entry = 0; entry < count; entry++) {
    if (end + 2 > bytes.length) return bytes;
    end += 2 + readUint16(bytes, end);
  }
  return bytes.slice(0, end);
}

/** @throws {TlogError} STORE_DAMAGED: the row has another length than it may have */
function readInner(tiles: Table, tileIndex: number): Uint8Array | undefined {
  const at = (tileIndex % TILES_PER_GROUP) * INNER_BYTES;
  const group = Math.floor(tileIndex / TILES_PER_GROUP);
  return tiles.view(innerGroupKey(group), (value) => {
    if (value.length % INNER_BYTES !== 0 || value.length > TILES_PER_GROUP * INNER_BYTES) {
      throw damaged(
        `inner nodes of tile group ${group}: want a multiple of ${INNER_BYTES} bytes, got ${value.length}`,
      );
    }
    const nodes = new Uint8Array(value.subarray(at, at + INNER_BYTES));
    return nodes.some((byte) => byte !== 0) ? nodes : undefined;
  });
}

/**
 * Where the last leaves completed no section of the open tile, what the row holds is of an earlier tile, and nothing uses it.
 * @throws {TlogError} STORE_DAMAGED: the row has another length or number of sections
 */
function readOpenNodes(tiles: Table, treeSize: number): Uint8Array | undefined {
  const sections = Math.floor(treeSize / SECTION_WIDTH);
  if (sections % (TILE_WIDTH / SECTION_WIDTH) === 0) return undefined;
  if (tiles.view(openInnerKey(), () => true) === undefined) return undefined;
  const row = readOpenInner(tiles);
  if (row?.sections === sections) return row.nodes;
  const got = row === undefined ? "another length" : `${row.sections}`;
  throw damaged(`inner nodes of the open tile: want those of ${sections} sections, got ${got}`);
}
