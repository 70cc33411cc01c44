/** The default adapter of a witness's storage: one directory, on LMDB.  spec/storage.md, A witness's storage */

import { decodeUtf8, encodeHex } from "../tlog/encoding.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import { readJournal, readWitnessRow, type WitnessRow } from "./lmdb-meta.ts";
import { assertMaxBytes, openForReading, openForWriting } from "./lmdb-opening.ts";
import {
  evidenceKeys,
  logKey,
  parseEvidenceKey,
  readEvidenceFile,
  readEvidenceRow,
  readHeadRow,
  readHistoryRow,
  rowKeys,
  WITNESS_LAYOUT,
  type WitnessEnvironment,
} from "./witness-lmdb-layout.ts";
import { claimWitness, MIN_WITNESS_BYTES, witnessWriterOf } from "./witness-lmdb-write.ts";
import { assertEvidenceId, MAX_ROWS_NOTE_BYTES, rowLimit } from "./witness-rules.ts";
import {
  type CosignedRow,
  MAX_EVIDENCE_PER_LOG,
  type WitnessReader,
  type WitnessStore,
} from "./witness-store.ts";

/** How many origins are read at a time. */
const ORIGINS_PER_READ = 1000;

export interface LmdbWitnessOptions {
  /** Made, mode 0700, when absent. */
  readonly directory: string;
  /** The witness's name: stored at the first opening; every later one must give the same. */
  readonly name: string;
  /** The most the tables may take of the data file, in bytes, at least 16 MiB. Default: as the disk allows. */
  readonly maxBytes?: number | undefined;
}

/**
 * Opens a witness's storage for writing, and so replaces any other writer. Does not take the directory's lock: see
 * `lockDirectory`. Open it once per process: opening again while an earlier opening commits would block this thread for ever.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN (also when a log lives there) | STORE_ORIGIN_MISMATCH (another witness's) |
 *   STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FULL | STORE_FAILED | ARGUMENT_INVALID
 */
export async function openLmdbWitnessStore(options: LmdbWitnessOptions): Promise<WitnessStore> {
  const { directory, name, maxBytes = Number.POSITIVE_INFINITY } = options;
  assertMaxBytes(maxBytes, MIN_WITNESS_BYTES);
  const { env, writer, queue, assertOpen, close } = await openForWriting({
    directory,
    layout: WITNESS_LAYOUT,
    claim: (meta) => claimWitness(meta, name),
    readBack: readJournal,
  });
  return { name, writer, ...readerOf(env, assertOpen), ...witnessWriterOf(env, queue, maxBytes), close };
}

/**
 * Opens a witness's storage for reading, beside its writer and any number of readers, in this process or another one.
 * Needs write access to the directory's lock file, as LMDB does.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED
 */
export async function openLmdbWitnessReader(options: { readonly directory: string }): Promise<WitnessReader> {
  const { env, row, assertOpen, close } = await openForReading({
    directory: options.directory,
    layout: WITNESS_LAYOUT,
    what: "witness",
    check: readWitness,
  });
  return { name: row.name, ...readerOf(env, assertOpen), close };
}

function readWitness(meta: Table): WitnessRow | undefined {
  const row = readWitnessRow(meta);
  if (row !== undefined) readJournal(meta);
  return row;
}

/** Each method reads synchronously, of the newest snapshot. Nothing is kept between calls. */
function readerOf(env: WitnessEnvironment, assertOpen: () => void): Omit<WitnessReader, "close" | "name"> {
  const { tables } = env;
  const newest = (): void => {
    assertOpen();
    env.refresh();
  };
  return {
    async journal() {
      newest();
      return readJournal(tables.meta);
    },
    async head(origin) {
      newest();
      return readHeadRow(tables.heads, origin);
    },
    async origins() {
      newest();
      return readOrigins(tables.heads);
    },
    async rows(origin, range) {
      const limit = rowLimit(range);
      newest();
      return readRows(tables.history, logKey(origin), { ...range, limit });
    },
    async evidence(origin) {
      newest();
      return tables.evidence
        .keys(evidenceKeys(logKey(origin), 2 * MAX_EVIDENCE_PER_LOG))
        .map((key) => readEvidenceRow(tables.evidence, parseEvidenceKey(key)));
    },
    async evidenceFile(origin, id) {
      assertEvidenceId(id);
      newest();
      return readEvidenceFile(tables.files, logKey(origin), id);
    },
  };
}

function readOrigins(heads: Table): readonly string[] {
  const origins: string[] = [];
  const end = new Uint8Array(256).fill(255);
  for (let start = Uint8Array.of(0); ; ) {
    const keys = heads.keys({ start, end, limit: ORIGINS_PER_READ });
    origins.push(...keys.map(decodeUtf8));
    const last = keys.at(-1);
    if (last === undefined || keys.length < ORIGINS_PER_READ) return origins;
    start = Uint8Array.of(...last, 0);
  }
}

function readRows(
  history: Table,
  log: Uint8Array,
  { fromSize, toSize, limit, after }: Parameters<WitnessReader["rows"]>[1],
): readonly CosignedRow[] {
  if (fromSize > toSize) return [];
  const isExcluded = after !== undefined && after.treeSize >= fromSize;
  const from = isExcluded ? after : { treeSize: fromSize, timestampSeconds: 0 };
  const rows: CosignedRow[] = [];
  let noteBytes = 0;
  for (const key of history.keys(rowKeys(log, { from, isExcluded, toSize, limit }))) {
    const row = readHistoryRow(history, key);
    if (row === undefined) throw damaged(`history row ${encodeHex(key)} is missing`);
    noteBytes += row.logNote?.length ?? 0;
    if (rows.length > 0 && noteBytes > MAX_ROWS_NOTE_BYTES) break;
    rows.push(row);
  }
  return rows;
}
