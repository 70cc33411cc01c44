/**
 * A checked record: CRC-32 (4 bytes, big-endian, over key, 0x00 and record), then the record as a MessagePack map.
 * spec/storage.md, Meta rows
 */
import { crc32 } from "node:zlib";
import { Packr } from "msgpackr";
import type { TlogError } from "../errors.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import { isToken } from "./token.ts";

const CHECKSUM_BYTES = 4;
// Plain maps, not msgpackr's record extension, so that any MessagePack reader can read a row.
const packr = new Packr({ useRecords: false });

/** A record whose checksum fits. Each field is checked as it is read; bytes are the caller's own. */
export interface CheckedRecord {
  size(field: string): number;
  text(field: string): string;
  token(field: string): string;
  bytes(field: string, length?: number): Uint8Array;
  /** Absent: false. */
  isSet(field: string): boolean;
}

export function writeRecord(table: Table, key: Uint8Array, record: Record<string, unknown>): void {
  table.put(key, withChecksum(key, packr.pack(record)));
}

/** @param name - of the row, for messages. @throws {TlogError} STORE_DAMAGED */
export function readRecord(table: Table, key: Uint8Array, name: string): CheckedRecord | undefined {
  const value = table.view(key, (bytes) => Buffer.from(bytes));
  if (value === undefined) return undefined;
  return recordOf(name, unpack(name, withoutChecksum(key, value, name)));
}

/** @returns the value to store: the checksum, then the bytes. */
export function withChecksum(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const value = Buffer.alloc(CHECKSUM_BYTES + bytes.length);
  value.writeUInt32BE(checksum(key, bytes));
  value.set(bytes, CHECKSUM_BYTES);
  return value;
}

/** @returns a view of what lies behind the checksum. @throws {TlogError} STORE_DAMAGED */
export function withoutChecksum(key: Uint8Array, value: Buffer, name: string): Uint8Array {
  const bytes = value.subarray(CHECKSUM_BYTES);
  if (value.length >= CHECKSUM_BYTES && value.readUInt32BE() === checksum(key, bytes)) return bytes;
  throw damaged(`the checksum of ${name} does not fit`);
}

function recordOf(name: string, record: ReadonlyMap<string, unknown>): CheckedRecord {
  const misfit = (field: string): TlogError => damaged(`field ${field} of ${name} does not fit`);
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
    isSet(field) {
      const value = record.get(field);
      if (value !== undefined && typeof value !== "boolean") throw misfit(field);
      return value === true;
    },
  };
}

function unpack(name: string, packed: Uint8Array): ReadonlyMap<string, unknown> {
  let record: unknown;
  try {
    record = packr.unpack(packed);
  } catch (cause) {
    throw damaged(`${name} is no MessagePack`, cause);
  }
  if (typeof record !== "object" || record === null) throw damaged(`${name} is no map`);
  return new Map<string, unknown>(Object.entries(record));
}

function checksum(key: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Uint8Array.of(0), crc32(key)));
}
