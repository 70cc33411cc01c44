/** Tables, keys and rows of a witness's storage.  spec/storage.md, A witness's storage */
import { createHash } from "node:crypto";
import { HASH_BYTES } from "../merkle/hash.ts";
import {
  concatBytes,
  decodeHex,
  encodeHex,
  encodeUint32,
  encodeUint64,
  encodeUtf8,
  readUint64,
} from "../tlog/encoding.ts";
import type { Environment, KeyRange, Layout, Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import { readRecord, withChecksum, withoutChecksum, writeRecord } from "./lmdb-record.ts";
import type { CosignedHead, CosignedRow, EvidenceEntry, RowPosition } from "./witness-store.ts";

export interface WitnessTables {
  readonly meta: Table;
  readonly heads: Table;
  readonly history: Table;
  readonly evidence: Table;
  readonly files: Table;
}

export type WitnessEnvironment = Environment<WitnessTables>;

export const WITNESS_LAYOUT: Layout<WitnessTables> = {
  tableNames: ["meta", "heads", "history", "evidence", "files"],
  tablesOf: (table) => ({
    meta: table("meta"),
    heads: table("heads"),
    history: table("history"),
    evidence: table("evidence"),
    files: table("files"),
  }),
};

/** A row begins with so much of SHA-256(origin): whoever makes two origins share it has done 2^64 work. */
const LOG_KEY_BYTES = 16;
const ROW_KEY_BYTES = LOG_KEY_BYTES + 16;
const EVIDENCE_ID_BYTES = 32;
const EVIDENCE_KEY_BYTES = LOG_KEY_BYTES + 4 + 1 + EVIDENCE_ID_BYTES;
/** Sorts behind every number a key holds: those are below 2^53. */
const ABOVE_ALL = new Uint8Array(8).fill(255);

/** What an evidence key says by itself. */
export interface EvidenceKey {
  readonly key: Uint8Array;
  readonly id: string;
  readonly convictsLog: boolean;
}

export function headKey(origin: string): Uint8Array {
  return encodeUtf8(origin);
}

/** What the rows of a log begin with, in tables `history`, `evidence` and `files`. */
export function logKey(origin: string): Uint8Array {
  return createHash("sha256").update(encodeUtf8(origin)).digest().subarray(0, LOG_KEY_BYTES);
}

export function rowKey(log: Uint8Array, { treeSize, timestampSeconds }: RowPosition): Uint8Array {
  return concatBytes(log, encodeUint64(treeSize), encodeUint64(timestampSeconds));
}

/** Keys of the rows of sizes up to `toSize`, from `from` on; behind it when it `isExcluded`. */
export function rowKeys(
  log: Uint8Array,
  range: {
    readonly from: RowPosition;
    readonly isExcluded: boolean;
    readonly toSize: number;
    readonly limit: number;
  },
): KeyRange {
  const first = rowKey(log, range.from);
  return {
    // Nothing sorts between a key and the same key with a zero byte behind it.
    start: range.isExcluded ? concatBytes(first, Uint8Array.of(0)) : first,
    end: concatBytes(log, encodeUint64(range.toSize), ABOVE_ALL),
    limit: range.limit,
  };
}

/** @throws {TlogError} STORE_DAMAGED */
export function rowPosition(key: Uint8Array): RowPosition {
  if (key.length !== ROW_KEY_BYTES) throw damaged(`a history key of ${key.length} bytes`);
  return {
    treeSize: readUint64(key, LOG_KEY_BYTES),
    timestampSeconds: readUint64(key, LOG_KEY_BYTES + 8),
  };
}

export function evidenceKey(
  log: Uint8Array,
  position: number,
  { id, convictsLog }: EvidenceEntry,
): Uint8Array {
  return concatBytes(log, encodeUint32(position), Uint8Array.of(convictsLog ? 1 : 0), decodeHex(id));
}

function fileKey(log: Uint8Array, id: string): Uint8Array {
  return concatBytes(log, decodeHex(id));
}

export function evidenceKeys(log: Uint8Array, limit: number): KeyRange {
  return { start: log, end: concatBytes(log, ABOVE_ALL), limit };
}

/** @throws {TlogError} STORE_DAMAGED */
export function parseEvidenceKey(key: Uint8Array): EvidenceKey {
  const sort = key[LOG_KEY_BYTES + 4];
  if (key.length !== EVIDENCE_KEY_BYTES || (sort !== 0 && sort !== 1)) {
    throw damaged(`an evidence key of ${key.length} bytes`);
  }
  return { key, id: encodeHex(key.subarray(-EVIDENCE_ID_BYTES)), convictsLog: sort === 1 };
}

/** @throws {TlogError} STORE_DAMAGED */
export function readHeadRow(heads: Table, origin: string): CosignedHead | undefined {
  const row = readRecord(heads, headKey(origin), `the head of ${origin}`);
  return (
    row && {
      treeSize: row.size("treeSize"),
      rootHash: row.bytes("rootHash", HASH_BYTES),
      timestampSeconds: row.size("timestampSeconds"),
      signedNote: row.bytes("signedNote"),
    }
  );
}

export function writeHeadRow(heads: Table, origin: string, head: CosignedHead): void {
  writeRecord(heads, headKey(origin), {
    treeSize: head.treeSize,
    rootHash: Buffer.from(head.rootHash),
    timestampSeconds: head.timestampSeconds,
    signedNote: Buffer.from(head.signedNote),
  });
}

/** @returns undefined when there is no such row. @throws {TlogError} STORE_DAMAGED */
export function readHistoryRow(history: Table, key: Uint8Array): CosignedRow | undefined {
  const name = `history row ${encodeHex(key)}`;
  const value = history.view(key, (bytes) => Buffer.from(bytes));
  if (value === undefined) return undefined;
  const bytes = withoutChecksum(key, value, name);
  if (bytes.length < HASH_BYTES) throw damaged(`${name} has ${bytes.length} bytes`);
  const logNote = bytes.length > HASH_BYTES ? Uint8Array.from(bytes.subarray(HASH_BYTES)) : undefined;
  return { ...rowPosition(key), rootHash: Uint8Array.from(bytes.subarray(0, HASH_BYTES)), logNote };
}

export function writeHistoryRow(history: Table, log: Uint8Array, row: CosignedRow): void {
  const key = rowKey(log, row);
  history.put(key, withChecksum(key, concatBytes(row.rootHash, row.logNote ?? new Uint8Array(0))));
}

/** @throws {TlogError} STORE_DAMAGED */
export function readEvidenceRow(table: Table, { key, id, convictsLog }: EvidenceKey): EvidenceEntry {
  const row = readRecord(table, key, `evidence ${id}`);
  if (row === undefined) throw damaged(`evidence ${id} is missing`);
  return {
    id,
    origin: row.text("origin"),
    kind: row.text("kind"),
    convictsLog,
    receivedAtSeconds: row.size("receivedAtSeconds"),
  };
}

export function writeEvidenceRow(table: Table, key: Uint8Array, entry: EvidenceEntry): void {
  const { origin, kind, receivedAtSeconds } = entry;
  writeRecord(table, key, { origin, kind, receivedAtSeconds });
}

/** @returns undefined when there is no such file. @throws {TlogError} STORE_DAMAGED */
export function readEvidenceFile(files: Table, log: Uint8Array, id: string): Uint8Array | undefined {
  const key = fileKey(log, id);
  const value = files.view(key, (bytes) => Buffer.from(bytes));
  return value && Uint8Array.from(withoutChecksum(key, value, `evidence file ${id}`));
}

export function writeEvidenceFile(files: Table, log: Uint8Array, id: string, file: Uint8Array): void {
  const key = fileKey(log, id);
  files.put(key, withChecksum(key, file));
}
