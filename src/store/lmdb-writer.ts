/** What a log's writer may write, and how much. */
import { TlogError } from "../errors.ts";
import type { LeafIndex } from "./leaf-index/leaf-index.ts";
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import type { LogEnvironment } from "./lmdb-layout.ts";
import {
  readFrozen,
  readHead,
  readIntegrated,
  readLineage,
  readStoreRow,
  readWriterRow,
  writeHeads,
  writeIntegrated,
  writeLineage,
  writeStoreRow,
} from "./lmdb-meta.ts";
import { assertRoom, nextWriter, ROW_GROWTH_BYTES, type WriteQueue } from "./lmdb-queue.ts";
import { growthBound, writeBatch } from "./lmdb-write.ts";
import {
  assertBatch,
  assertFilled,
  assertHead,
  assertNotFrozen,
  assertToken,
  copyFrozen,
  copyKeys,
  copyPublished,
  copySigned,
} from "./rules.ts";
import type { LogStore, WriterIdentity } from "./store.ts";
import { randomToken } from "./token.ts";

export const MIN_MAX_BYTES = 1_048_576;
/** Commits leave this much, so that a log too full for entries can still sign and publish what it has. */
const RESERVED_BYTES = 262_144;

/**
 * Makes the caller the log's only writer, and the log itself when there is none yet. Of a log of the former schema it keeps all
 * but the table that was its leaf index, which is made anew from the tiles. Runs inside a transaction.
 * @throws {TlogError} STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | INCOMPLETE
 */
export function claimWriter(
  meta: Table,
  claim: {
    readonly origin: string;
    /** Of a new log; undefined: drawn. */
    readonly storeId?: string | undefined;
    /** See LmdbStoreOptions. */
    readonly fills?: boolean | undefined;
    readonly dropFormer: () => void;
  },
): WriterIdentity {
  const { origin, dropFormer } = claim;
  const held = readStoreRow(meta);
  if (held === undefined) createLog(meta, claim);
  const { storeId, origin: found, isFormer } = readStoreRow(meta) ?? missing("store");
  assertOrigin(origin, found);
  const head = readHead(meta);
  if (claim.fills !== true) assertFilled(head);
  if (isFormer) {
    dropFormer();
    writeStoreRow(meta, { storeId, origin });
    writeIntegrated(meta, readIntegrated(meta));
  }
  return { storeId, ...nextWriter(meta), lineage: readLineage(meta) };
}

/** @throws {TlogError} STORE_ORIGIN_MISMATCH */
export function assertOrigin(wanted: string, found: string): void {
  if (wanted === found) return;
  throw new TlogError(
    "STORE_ORIGIN_MISMATCH",
    `want a log of origin ${wanted}, the directory holds ${found}`,
  );
}

/** The writing half of the store. */
export function writerOf(
  env: LogEnvironment,
  queue: WriteQueue,
  index: LeafIndex,
  maxBytes: number,
): Pick<LogStore, "commit" | "adoptLineage" | "recordHeads"> {
  const { tables } = env;
  const writeRow = (apply: (meta: Table) => void, longBytes = 0): Promise<void> =>
    queue.write(() => {
      // A row that is replaced keeps its pages until the transaction is over.
      const growth = ROW_GROWTH_BYTES + 2 * longBytes;
      if (maxBytes < Number.POSITIVE_INFINITY) assertRoom(env.usedBytes(), growth, maxBytes);
      apply(tables.meta);
    });
  return {
    async commit(batch) {
      assertBatch(batch);
      const write = () => {
        assertNotFrozen(readFrozen(tables.meta));
        assertHead(readIntegrated(tables.meta).treeSize, batch.from);
        if (maxBytes < Number.POSITIVE_INFINITY) {
          const rows = batch.heads === undefined ? 0 : ROW_GROWTH_BYTES;
          assertRoom(env.usedBytes(), growthBound(tables, batch) + rows, maxBytes - RESERVED_BYTES);
        }
        if (batch.heads !== undefined) writeHeads(tables.meta, batch.heads);
        writeBatch(tables, batch);
      };
      await queue.write(write, { before: () => index.ready(), after: () => index.append(batch.leafHashes) });
    },
    async adoptLineage(token) {
      assertToken(token);
      await writeRow((meta) => writeLineage(meta, token));
    },
    async recordHeads({ signed, published, frozen, keys, filling }) {
      const rows = {
        signed: signed && copySigned(signed),
        published: published && copyPublished(published),
        frozen: frozen && copyFrozen(frozen),
        keys: keys && copyKeys(keys),
        filling: filling && copySigned(filling),
      };
      await writeRow((meta) => writeHeads(meta, rows), keys?.history.length);
    },
  };
}

/** An opening that was interrupted leaves empty tables, which a later one takes over; anything else without a store row is damage. */
function createLog(
  meta: Table,
  { origin, storeId }: { readonly origin: string; readonly storeId?: string | undefined },
): void {
  if (readWriterRow(meta) !== undefined) throw damaged("meta row store is missing");
  if (storeId !== undefined) assertToken(storeId);
  writeStoreRow(meta, { storeId: storeId ?? randomToken(), origin });
  writeIntegrated(meta, { treeSize: 0, peaks: [] });
}

function missing(name: string): never {
  throw damaged(`meta row ${name} is missing`);
}
