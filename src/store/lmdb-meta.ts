/** The rows of table `meta`.  spec/storage.md, Meta rows */
import { type CompactRange, peakCoordinates } from "../merkle/compact-range.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import { type CheckedRecord, readRecord, writeRecord } from "./lmdb-record.ts";
import { assertSchema, withHeads } from "./rules.ts";
import type {
  FillingHead,
  FrozenHead,
  HeadRows,
  IntegratedHead,
  KeptKeyHistory,
  PublishedHead,
  SignedHead,
  StoreHead,
} from "./store.ts";

/** Written as `schema`; a store with another number is not opened. */
const SCHEMA = 2;
/** Of a log that ended: a program that does not know row `frozen` would go on with it. All else is as in schema 2. */
const SCHEMA_WITH_END = 3;
/** Of a log that changed its keys, ended or not: a program that does not know row `keys` would sign with the former ones alone. */
const SCHEMA_WITH_KEYS = 4;
/** Its leaf index was a table; all else is as in schema 2. Opening for writing makes schema 2 of it. */
const SCHEMA_WITH_LEAVES = 1;
/** The same for a witness's storage, counted on its own. */
const WITNESS_SCHEMA = 1;

/** `journal` is a witness's; those from `head` on are a log's. */
type RowName =
  | "store"
  | "writer"
  | "lineage"
  | "journal"
  | "head"
  | "signed"
  | "published"
  | "frozen"
  | "keys"
  | "filling";

export interface StoreRow {
  readonly storeId: string;
  readonly origin: string;
}

export interface VersionedStoreRow extends StoreRow {
  /** It was written by an earlier version: write it again, and the head, once what that version kept is gone. */
  readonly isFormer: boolean;
}

export interface WitnessRow {
  readonly storeId: string;
  readonly name: string;
}

export interface WriterRow {
  readonly epoch: number;
  readonly writerId: string;
}

/** @throws {TlogError} STORE_SCHEMA_UNKNOWN | STORE_DAMAGED */
export function readStoreRow(meta: Table): VersionedStoreRow | undefined {
  const row = readRow(meta, "store");
  if (row === undefined) return undefined;
  const schema = row.size("schema");
  const isFormer = schema === SCHEMA_WITH_LEAVES;
  const isLater = schema === SCHEMA_WITH_END || schema === SCHEMA_WITH_KEYS;
  if (!isFormer && !isLater) assertSchema(SCHEMA, schema);
  return { storeId: row.token("storeId"), origin: row.text("origin"), isFormer };
}

export function writeStoreRow(meta: Table, { storeId, origin }: StoreRow): void {
  writeRow(meta, "store", { schema: schemaOf(meta), storeId, origin });
}

function schemaOf(meta: Table): number {
  if (readRow(meta, "keys") !== undefined) return SCHEMA_WITH_KEYS;
  return readRow(meta, "frozen") === undefined ? SCHEMA : SCHEMA_WITH_END;
}

/** What a witness's storage says of itself. @throws {TlogError} STORE_SCHEMA_UNKNOWN | STORE_DAMAGED */
export function readWitnessRow(meta: Table): WitnessRow | undefined {
  const row = readRow(meta, "store");
  if (row === undefined) return undefined;
  assertSchema(WITNESS_SCHEMA, row.size("schema"));
  return { storeId: row.token("storeId"), name: row.text("name") };
}

export function writeWitnessRow(meta: Table, { storeId, name }: WitnessRow): void {
  writeRow(meta, "store", { schema: WITNESS_SCHEMA, storeId, name });
}

/** @throws {TlogError} STORE_DAMAGED */
export function readJournal(meta: Table): CompactRange {
  const row = readRow(meta, "journal");
  if (row === undefined) throw damaged("meta row journal is missing");
  const treeSize = row.size("treeSize");
  return { treeSize, peaks: peaksIn(row, treeSize) };
}

export function writeJournal(meta: Table, { treeSize, peaks }: CompactRange): void {
  writeRow(meta, "journal", { treeSize, peaks: Buffer.concat(peaks) });
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

/** @throws {TlogError} STORE_DAMAGED, also when the heads contradict each other. */
export function readHead(meta: Table): StoreHead {
  const integrated = readIntegrated(meta);
  const signed = readTreeHead(meta, "signed");
  const published = readPublished(meta);
  if (signed !== undefined && signed.treeSize > integrated.treeSize) {
    throw damaged(`signed size ${signed.treeSize} beyond integrated size ${integrated.treeSize}`);
  }
  if (published !== undefined && published.treeSize > (signed?.treeSize ?? -1)) {
    throw damaged(`published size ${published.treeSize} beyond signed size ${signed?.treeSize ?? "none"}`);
  }
  const frozen = readFrozen(meta);
  if (frozen !== undefined && frozen.treeSize !== integrated.treeSize) {
    throw damaged(`frozen at size ${frozen.treeSize}, and the integrated size is ${integrated.treeSize}`);
  }
  const filling = readTreeHead(meta, "filling");
  return { integrated, signed, published, frozen, keys: readKeys(meta), filling };
}

/** Undefined: the log's keys never changed. What the history says is checked by who believes it. */
export function readKeys(meta: Table): KeptKeyHistory | undefined {
  const row = readRow(meta, "keys");
  return row && { changes: row.size("changes"), history: row.bytes("history") };
}

/** Undefined: the log takes entries. */
export function readFrozen(meta: Table): FrozenHead | undefined {
  const row = readRow(meta, "frozen");
  if (row === undefined) return undefined;
  const frozen = { treeSize: row.size("treeSize"), statement: row.text("statement").split("\n") };
  return row.isSet("unmarked") ? { ...frozen, isUnmarked: true } : frozen;
}

export function readIntegrated(meta: Table): IntegratedHead {
  const row = readRow(meta, "head");
  if (row === undefined) throw damaged("meta row head is missing");
  const treeSize = row.size("treeSize");
  return { treeSize, peaks: peaksIn(row, treeSize) };
}

/** Reads the integrated size before every tile. */
export function treeSizeReader(meta: Table): () => number {
  return rowReader(meta, "head", () => readIntegrated(meta).treeSize);
}

/** Reads the published checkpoint before every answer. */
export function publishedReader(meta: Table): () => PublishedHead | undefined {
  return rowReader(meta, "published", () => readPublished(meta));
}

/** Decodes a row again only when its bytes changed: until then it is the same value. */
function rowReader<T>(meta: Table, name: RowName, decode: () => T): () => T {
  const key = rowKey(name);
  // Owned by the returned function: the row it decoded last.
  let known: { readonly value: Buffer; readonly decoded: T } | undefined;
  return () => {
    const isKnown = meta.view(key, (value) => known?.value.equals(value) ?? false);
    if (isKnown && known !== undefined) return known.decoded;
    const decoded = decode();
    const value = meta.view(key, (bytes) => Buffer.from(bytes));
    if (value !== undefined) known = { value, decoded };
    return decoded;
  };
}

export function writeIntegrated(meta: Table, { treeSize, peaks }: IntegratedHead): void {
  writeRow(meta, "head", { treeSize, peaks: Buffer.concat(peaks) });
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when they may not follow what is recorded | STORE_DAMAGED */
export function writeHeads(meta: Table, rows: HeadRows): void {
  const held = readHead(meta);
  const { signed, published, frozen, keys, filling } = withHeads(held, rows);
  if (rows.signed !== undefined && signed !== undefined) writeTreeHead(meta, "signed", signed);
  if (filling !== undefined) writeTreeHead(meta, "filling", filling);
  else if (held.filling !== undefined) meta.remove(rowKey("filling"));
  if (rows.published !== undefined && published !== undefined) {
    const { treeSize, checkpoint, mayTrail } = published;
    const record = { treeSize, checkpoint: Buffer.from(checkpoint) };
    writeRow(meta, "published", mayTrail === true ? { ...record, mayTrail } : record);
  }
  if (rows.frozen !== undefined && frozen !== undefined) {
    const record = { treeSize: frozen.treeSize, statement: frozen.statement.join("\n") };
    writeRow(meta, "frozen", frozen.isUnmarked === true ? { ...record, unmarked: true } : record);
  }
  if (rows.keys !== undefined && keys !== undefined) {
    writeRow(meta, "keys", { changes: keys.changes, history: Buffer.from(keys.history) });
  }
  const store = rows.frozen === undefined && rows.keys === undefined ? undefined : readStoreRow(meta);
  if (store !== undefined) writeStoreRow(meta, store);
}

/** Nothing was signed here, and nobody opened it for writing: what is integrated stays. */
export function forgetHeads(meta: Table): void {
  const names = ["signed", "published", "frozen", "keys", "lineage", "writer"] as const;
  for (const name of names) meta.remove(rowKey(name));
}

function readTreeHead(meta: Table, name: "signed" | "filling"): SignedHead | FillingHead | undefined {
  const row = readRow(meta, name);
  return row && { treeSize: row.size("treeSize"), rootHash: row.bytes("rootHash", HASH_BYTES) };
}

function writeTreeHead(meta: Table, name: "signed" | "filling", head: SignedHead | FillingHead): void {
  writeRow(meta, name, { treeSize: head.treeSize, rootHash: Buffer.from(head.rootHash) });
}

function readPublished(meta: Table): PublishedHead | undefined {
  const row = readRow(meta, "published");
  if (row === undefined) return undefined;
  const head = { treeSize: row.size("treeSize"), checkpoint: row.bytes("checkpoint") };
  return row.isSet("mayTrail") ? { ...head, mayTrail: true } : head;
}

function peaksIn(row: CheckedRecord, treeSize: number): readonly Uint8Array[] {
  const joined = row.bytes("peaks", peakCoordinates(treeSize).length * HASH_BYTES);
  const peaks: Uint8Array[] = [];
  for (let at = 0; at < joined.length; at += HASH_BYTES) peaks.push(joined.slice(at, at + HASH_BYTES));
  return peaks;
}

function writeRow(meta: Table, name: RowName, record: Record<string, unknown>): void {
  writeRecord(meta, rowKey(name), record);
}

function readRow(meta: Table, name: RowName): CheckedRecord | undefined {
  return readRecord(meta, rowKey(name), `meta row ${name}`);
}

function rowKey(name: RowName): Uint8Array {
  return Buffer.from(name, "latin1");
}
