/** Who may write, in what order, and when nobody may any more. */
import { InvariantError, TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import type { Environment, Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-layout.ts";
import {
  readHead,
  readIntegrated,
  readLineage,
  readStoreRow,
  readWriterRow,
  writeIntegrated,
  writeLineage,
  writePublished,
  writeSigned,
  writeStoreRow,
  writeWriterRow,
} from "./lmdb-meta.ts";
import { growthBound, prepareBatch, writeBatch } from "./lmdb-write.ts";
import {
  assertBatch,
  assertHead,
  assertPublishable,
  assertSignable,
  assertToken,
  writerReplaced,
} from "./rules.ts";
import type { LogStore, WriterIdentity } from "./store.ts";
import { randomToken } from "./token.ts";

export const MIN_MAX_BYTES = 1_048_576;
/** Commits leave this much, so that a log too full for entries can still sign and publish what it has. */
const RESERVED_BYTES = 262_144;
/** What one changed meta row may cost: its page, the pages above it, LMDB's list of free pages. */
const ROW_GROWTH_BYTES = 65_536;

/**
 * Makes the caller the log's only writer, and the log itself when there is none yet. Runs inside a transaction.
 * @throws {TlogError} STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED
 */
export function claimWriter(meta: Table, origin: string): WriterIdentity {
  const held = readStoreRow(meta);
  if (held === undefined) createLog(meta, origin);
  const { storeId, origin: found } = readStoreRow(meta) ?? missing("store");
  assertOrigin(origin, found);
  readHead(meta);
  const writer = { epoch: (readWriterRow(meta)?.epoch ?? 0) + 1, writerId: randomToken() };
  writeWriterRow(meta, writer);
  return { storeId, ...writer, lineage: readLineage(meta) };
}

/** @throws {TlogError} STORE_ORIGIN_MISMATCH */
export function assertOrigin(wanted: string, found: string): void {
  if (wanted === found) return;
  throw new TlogError(
    "STORE_ORIGIN_MISMATCH",
    `want a log of origin ${wanted}, the directory holds ${found}`,
  );
}

export interface WriteQueue {
  /** Runs one write after the other, each as a transaction of its own, refused when this writer may not write. */
  write(apply: () => void): Promise<void>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
}

export function writeQueue(env: Environment, writer: WriterIdentity, assertOpen: () => void): WriteQueue {
  // Owned by write(): the end of the queue, and the failure after which nothing is written.
  let last: Promise<unknown> = Promise.resolve();
  let failure: TlogError | undefined;
  const attempt = async (apply: () => void): Promise<void> => {
    if (failure !== undefined) throw failed("an earlier write failed, so nothing more is written", failure);
    try {
      await env.transact(() => {
        assertWriter(env.tables.meta, writer);
        apply();
      });
    } catch (error) {
      failure = endsWriting(env, error);
      throw failure ?? error;
    }
  };
  return {
    async write(apply) {
      assertOpen();
      const written = last.then(() => attempt(apply));
      last = written.catch(() => undefined);
      await written;
    },
    async idle() {
      await last;
    },
  };
}

/** The writing half of the store. */
export function writerOf(
  env: Environment,
  queue: WriteQueue,
  maxBytes: number,
): Pick<LogStore, "commit" | "adoptLineage" | "recordSigned" | "publish"> {
  const { tables } = env;
  const writeRow = (apply: (meta: Table) => void): Promise<void> =>
    queue.write(() => {
      assertRoom(env, ROW_GROWTH_BYTES, maxBytes);
      apply(tables.meta);
    });
  return {
    async commit(batch) {
      assertBatch(batch);
      const { from } = batch;
      const prepared = prepareBatch(batch);
      await queue.write(() => {
        assertHead(readIntegrated(tables.meta).treeSize, from);
        if (maxBytes < Number.POSITIVE_INFINITY) {
          assertRoom(env, growthBound(tables, prepared, env.usedBytes()), maxBytes - RESERVED_BYTES);
        }
        writeBatch(tables, prepared);
      });
    },
    async adoptLineage(token) {
      assertToken(token);
      await writeRow((meta) => writeLineage(meta, token));
    },
    async recordSigned(head) {
      const next = { treeSize: head.treeSize, rootHash: head.rootHash.slice() };
      await writeRow((meta) => {
        assertSignable(readHead(meta), next);
        writeSigned(meta, next);
      });
    },
    async publish(head) {
      const next = { treeSize: head.treeSize, checkpoint: head.checkpoint.slice() };
      await writeRow((meta) => {
        assertPublishable(readHead(meta), next);
        writePublished(meta, next);
      });
    },
  };
}

/** An opening that was interrupted leaves empty tables, which a later one takes over; anything else without a store row is damage. */
function createLog(meta: Table, origin: string): void {
  if (readWriterRow(meta) !== undefined) throw damaged("meta row store is missing");
  writeStoreRow(meta, { storeId: randomToken(), origin });
  writeIntegrated(meta, { treeSize: 0, peaks: [] });
}

function assertWriter(meta: Table, writer: WriterIdentity): void {
  const held = readWriterRow(meta) ?? missing("writer");
  if (held.epoch === writer.epoch && held.writerId === writer.writerId) return;
  throw writerReplaced({ own: writer.epoch, held: held.epoch });
}

function assertRoom(env: Environment, growth: number, limit: number): void {
  const used = env.usedBytes();
  if (used + growth <= limit) return;
  throw new TlogError(
    "STORE_FULL",
    `the data file has ${used} bytes and might grow by ${growth}; the limit is ${limit}`,
  );
}

/** @returns the failure when nobody knows any more what is on the disk; undefined when it is as it was. */
function endsWriting(env: Environment, error: unknown): TlogError | undefined {
  // Thrown on purpose, while nothing was written yet. Whatever else has no code of ours may have come from anywhere.
  if (error instanceof InvariantError) return undefined;
  if (!(error instanceof TlogError)) return failed("writing failed", error);
  if (error.code === "STORE_FAILED") return error;
  if (error.code !== "STORE_FULL" || isReadable(env)) return undefined;
  return failed("the store cannot be read after a write that failed", error);
}

function isReadable(env: Environment): boolean {
  try {
    env.refresh();
    readHead(env.tables.meta);
    return true;
  } catch {
    return false;
  }
}

function failed(what: string, cause: unknown): TlogError {
  return new TlogError("STORE_FAILED", `${what}: ${messageOf(cause)}`, { cause });
}

function missing(name: string): never {
  throw damaged(`meta row ${name} is missing`);
}
