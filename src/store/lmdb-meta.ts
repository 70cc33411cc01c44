/**
 * The rows of table `meta`: CRC-32 (4 bytes, big-endian, over name, 0x00 and record), then the record as a MessagePack map.
 * spec/storage.md
 */
import { crc32 } from "node:zlib";
import { Packr } from "msgpackr";
import { TlogError } from "../errors.ts";
import { peakCoordinates } from "../merkle/compact-range.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-layout.ts";
import type { IntegratedHead, PublishedHead, SignedHead, StoreHead } from "./store.ts";
import { isToken } from "./token.ts";

/** Written as `schema`; a store with another number is not opened. */
const SCHEMA = 1;

type RowName = "store" | "writer" | "lineage" | "head" | "signed" | "published";

export interface StoreRow {
  readonly storeId: string;
  readonly origin: string;
}

export interface WriterRow {
  readonly epoch: number;
  readonly writerId: string;
}

const CHECKSUM_BYTES = 4;
// Plain maps, not msgpackr's record extension, so that any MessagePack reader can read a row.
const packr = new Packr({ useRecords: false });

/** @throws {TlogError} STORE_SCHEMA_UNKNOWN | STORE_DAMAGED */
export function readStoreRow(meta: Table): StoreRow | undefined {
  const row = readRow(meta, "store");
  if (row === undefined) return undefined;
  const schema = row.size("schema");
  if (schema !== SCHEMA) {
    throw new TlogError(
      "STORE_SCHEMA_UNKNOWN",
      `schema: want ${SCHEMA}, got ${schema}; it was written by another version of this program`,
    );
  }
  return { storeId: row.token("storeId"), origin: row.text("origin") };
}

export function writeStoreRow(meta: Table, { storeId, origin }: StoreRow): void {
  writeRow(meta, "store", { schema: SCHEMA, storeId, origin });
}

export function readWriterRow(meta: Table): WriterRow | undefined {
  const row = readRow(meta, "writer");
  return row && { epoch: row.size("epoch"), writerId: row.token("writerId") };
}

export function writeWriterRow(meta: Table, { epoch, writerId }: WriterRow): void {
  writeRow(meta, "writer", { epoch, writerId });
}

export function readLineage(meta: Table): string | undefined {
  return readRow(meta, "lineage")?.token("token");
}

export function writeLineage(meta: Table, token: string): void {
  writeRow(meta, "lineage", { token });
}

/** @throws {TlogError} STORE_DAMAGED, also when the three heads contradict each other. */
export function readHead(meta: Table): StoreHead {
  const integrated = readIntegrated(meta);
  const signed = readSigned(meta);
  const published = readPublished(meta);
  if (signed !== undefined && signed.treeSize > integrated.treeSize) {
    throw damaged(`signed size ${signed.treeSize} beyond integrated size ${integrated.treeSize}`);
  }
  if (published !== undefined && published.treeSize > (signed?.treeSize ?? -1)) {
    throw damaged(`published size ${published.treeSize} beyond signed size ${signed?.treeSize ?? "none"}`);
  }
  return { integrated, signed, published };
}

export function readIntegrated(meta: Table): IntegratedHead {
  const row = readRow(meta, "head");
  if (row === undefined) throw damaged("meta row head is missing");
  const treeSize = row.size("treeSize");
  if (row.size("leafIndexSize") !== treeSize) throw damaged("the leaf index does not reach the tree size");
  const joined = row.bytes("peaks", peakCoordinates(treeSize).length * HASH_BYTES);
  const peaks: Uint8Array[] = [];
  for (let at = 0; at < joined.length; at += HASH_BYTES) peaks.push(joined.slice(at, at + HASH_BYTES));
  return { treeSize, peaks };
}

/** Reads the integrated size before every tile: decodes the row again only when its bytes changed. */
export function treeSizeReader(meta: Table): () => number {
  const key = rowKey("head");
  // Owned by the returned function: the row it decoded last.
  let known: { readonly value: Buffer; readonly treeSize: number } | undefined;
  return () => {
    const isKnown = meta.view(key, (value) => known?.value.equals(value) ?? false);
    if (isKnown && known !== undefined) return known.treeSize;
    const { treeSize } = readIntegrated(meta);
    const value = meta.view(key, (bytes) => Buffer.from(bytes));
    if (value !== undefined) known = { value, treeSize };
    return treeSize;
  };
}

export function writeIntegrated(meta: Table, { treeSize, peaks }: IntegratedHead): void {
  writeRow(meta, "head", { treeSize, peaks: Buffer.concat(peaks), leafIndexSize: treeSize });
}

export function writeSigned(meta: Table, { treeSize, rootHash }: SignedHead): void {
  writeRow(meta, "signed", { treeSize, rootHash: Buffer.from(rootHash) });
}

export function writePublished(meta: Table, { treeSize, checkpoint }: PublishedHead): void {
  writeRow(meta, "published", { treeSize, checkpoint: Buffer.from(checkpoint) });
}

function readSigned(meta: Table): SignedHead | undefined {
  const row = readRow(meta, "signed");
  return row && { treeSize: row.size("treeSize"), rootHash: row.bytes("rootHash", HASH_BYTES) };
}

function readPublished(meta: Table): PublishedHead | undefined {
  const row = readRow(meta, "published");
  return row && { treeSize: row.size("treeSize"), checkpoint: row.bytes("checkpoint") };
}

function writeRow(meta: Table, name: RowName, record: Record<string, unknown>): void {
  const packed = packr.pack(record);
  const value = Buffer.alloc(CHECKSUM_BYTES + packed.length);
  value.writeUInt32BE(checksum(name, packed));
  value.set(packed, CHECKSUM_BYTES);
  meta.put(rowKey(name), value);
}

function readRow(meta: Table, name: RowName): Row | undefined {
  const value = meta.view(rowKey(name), (bytes) => Buffer.from(bytes));
  if (value === undefined) return undefined;
  const packed = value.subarray(CHECKSUM_BYTES);
  if (value.length < CHECKSUM_BYTES || value.readUInt32BE() !== checksum(name, packed)) {
    throw damaged(`the checksum of meta row ${name} does not fit`);
  }
  return rowOf(name, unpack(name, packed));
}

interface Row {
  size(field: string): number;
  text(field: string): string;
  token(field: string): string;
  bytes(field: string, length?: number): Uint8Array;
}

function rowOf(name: RowName, record: ReadonlyMap<string, unknown>): Row {
  const misfit = (field: string): TlogError => damaged(`field ${field} of meta row ${name} does not fit`);
  const text = (field: string): string => {
    const value = record.get(field);
    if (typeof value !== "string") throw misfit(field);
    return value;
  };
  return {
    text,
    size(field) {
      const value = record.get(field);
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw misfit(field);
      return value;
    },
    token(field) {
      const value = text(field);
      if (!isToken(value)) throw misfit(field);
      return value;
    },
    bytes(field, length) {
      const value = record.get(field);
      if (!(value instanceof Uint8Array)) throw misfit(field);
      if (length !== undefined && value.length !== length) throw misfit(field);
      return Uint8Array.from(value);
    },
  };
}

function unpack(name: RowName, packed: Uint8Array): ReadonlyMap<string, unknown> {
  let record: unknown;
  try {
    record = packr.unpack(packed);
  } catch (cause) {
    throw damaged(`meta row ${name} is no MessagePack`, cause);
  }
  if (typeof record !== "object" || record === null) throw damaged(`meta row ${name} is no map`);
  return new Map<string, unknown>(Object.entries(record));
}

function rowKey(name: RowName): Uint8Array {
  return Buffer.from(name, "latin1");
}

function checksum(name: RowName, packed: Uint8Array): number {
  return crc32(packed, crc32(`${name}\0`));
}
