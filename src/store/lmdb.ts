/** The default adapter: a log in one directory, on LMDB. spec/storage.md */
import { TlogError } from "../errors.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { assertLogDirectory, prepareDirectory, syncDataFile, syncFileNames } from "./data-directory.ts";
import { type Environment, openEnvironment } from "./lmdb-environment.ts";
import { readHead, readStoreRow, treeSizeReader } from "./lmdb-meta.ts";
import { findLeaf, readEntryRange, readHashes } from "./lmdb-read.ts";
import { assertOrigin, claimWriter, MIN_MAX_BYTES, writeQueue, writerOf } from "./lmdb-writer.ts";
import { assertEntryRange, assertHashes, assertTile, hashesAtLevel } from "./rules.ts";
import type { LogReader, LogStore } from "./store.ts";

export interface LmdbStoreOptions {
  /** Made, mode 0700, when absent. */
  readonly directory: string;
  /** Stored at the first opening; every later one must give the same. */
  readonly origin: string;
  /** The most the data file may grow to, in bytes, at least 1 MiB. Default: as the disk allows. */
  readonly maxBytes?: number | undefined;
}

/** A reader that knows whose log it reads. */
export interface LmdbReader extends LogReader {
  readonly origin: string;
}

/**
 * Opens a log for writing, and so replaces any other writer. Does not take the directory's lock: see `lockDirectory`.
 * Open it once per process: opening again while an earlier opening commits would block this thread for ever.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED |
 *   STORE_FULL | STORE_FAILED | ARGUMENT_INVALID
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<LogStore> {
  const { directory, origin, maxBytes = Number.POSITIVE_INFINITY } = options;
  if (!(maxBytes >= MIN_MAX_BYTES)) {
    throw new TlogError("ARGUMENT_INVALID", `maxBytes: want at least ${MIN_MAX_BYTES}, got ${maxBytes}`);
  }
  await prepareDirectory(directory);
  const env = await openEnvironment({ directory, readOnly: false });
  try {
    await syncFileNames(directory);
    const writer = await env.transact(() => claimWriter(env.tables.meta, origin));
    env.refresh();
    const life = lifeOf(env);
    const queue = writeQueue(env, writer, life.assertOpen);
    return {
      writer,
      ...readerOf(env, life.assertOpen),
      ...writerOf(env, queue, maxBytes),
      close: () => life.close(queue.idle),
    };
  } catch (error) {
    await env.close();
    throw error;
  }
}

/**
 * Opens a log for reading, beside its writer and any number of readers, in this process or another one.
 * Needs write access to the directory's lock file, as LMDB does.
 * @param options.origin - when given, the log must be of this origin.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED
 */
export async function openLmdbReader(options: {
  readonly directory: string;
  readonly origin?: string;
}): Promise<LmdbReader> {
  const { directory } = options;
  await assertLogDirectory(directory);
  const env = await openEnvironment({ directory, readOnly: true });
  try {
    const row = readStoreRow(env.tables.meta);
    if (row === undefined) throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} holds no log yet`);
    assertOrigin(options.origin ?? row.origin, row.origin);
    readHead(env.tables.meta);
    await syncDataFile(directory);
    const life = lifeOf(env);
    return {
      origin: row.origin,
      ...readerOf(env, life.assertOpen),
      close: () => life.close(() => Promise.resolve()),
    };
  } catch (error) {
    await env.close();
    throw error;
  }
}

function readerOf(env: Environment, assertOpen: () => void): Omit<LogReader, "close"> {
  const { tables } = env;
  const treeSize = treeSizeReader(tables.meta);
  return {
    async head() {
      assertOpen();
      env.refresh();
      return readHead(tables.meta);
    },
    async readTile(tile) {
      assertOpen();
      assertTile(tile);
      const { level, index, width } = tile;
      const held = hashesAtLevel(treeSize(), level);
      return readHashes(tables.tiles, { level, held, start: index * TILE_WIDTH, count: width });
    },
    async readEntries(range) {
      assertOpen();
      assertEntryRange(range);
      return readEntryRange(tables, treeSize(), range);
    },
    async indexOf(leafHashes) {
      assertOpen();
      assertHashes(leafHashes);
      const size = treeSize();
      return leafHashes.map((leafHash) => findLeaf(tables, size, leafHash));
    },
  };
}

interface Life {
  assertOpen(): void;
  close(idle: () => Promise<void>): Promise<void>;
}

function lifeOf(env: Environment): Life {
  let closing: Promise<void> | undefined;
  return {
    assertOpen() {
      if (closing !== undefined) throw new TlogError("STORE_CLOSED", "the store is closed");
    },
    close(idle) {
      closing ??= idle().then(() => env.close());
      return closing;
    },
  };
}
