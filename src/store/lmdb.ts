/** The default adapter: a log in one directory, on LMDB. spec/storage.md */
import { TlogError } from "../errors.ts";
import { assertSize } from "../merkle/sizes.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { LOG_LAYOUT, type LogEnvironment } from "./lmdb-layout.ts";
import { type IndexProgress, openLeaves, readLeaves } from "./lmdb-leaves.ts";
import { publishedReader, readHead, readLineage, readStoreRow, treeSizeReader } from "./lmdb-meta.ts";
import { assertMaxBytes, openForReading, openForWriting } from "./lmdb-opening.ts";
import { readEntryRange, readHashes, readSection } from "./lmdb-read.ts";
import { assertOrigin, claimWriter, MIN_MAX_BYTES, writerOf } from "./lmdb-writer.ts";
import { assertEntryRange, assertHashes, assertTile, hashesAtLevel } from "./rules.ts";
import type { LogReader, LogStore, PublishedHead, WriterIdentity } from "./store.ts";

export interface LmdbStoreOptions {
  /** Made, mode 0700, when absent. */
  readonly directory: string;
  /** Stored at the first opening; every later one must give the same. */
  readonly origin: string;
  /** 32 lowercase hex digits: which store a new one is. Default: drawn. Of one that exists it is not asked. */
  readonly storeId?: string | undefined;
  /** To bring entries here from elsewhere: opens what an import that did not end left, too. Default false. */
  readonly fills?: boolean | undefined;
  /** The most the data file may grow to, the leaf index beside it not counted, in bytes, at least 1 MiB. Default: as the disk allows. */
  readonly maxBytes?: number | undefined;
  /** Told now and then while a leaf index that is missing or lags far behind is made: about a microsecond a leaf. */
  readonly onIndexing?: ((progress: IndexProgress) => void) | undefined;
  /** Told why runs of the leaf index could not be merged: it goes on, a little slower, and tries again. */
  readonly onMergeFailed?: ((error: unknown) => void) | undefined;
  /** Free bytes below which the log takes no entries: runs are merged only where that leaves more. Default 0. */
  readonly floorBytes?: number | undefined;
  /** Told when the directory is of the former schema, and is made one of this: earlier versions then open it no more. */
  readonly onUpgrade?: (() => void) | undefined;
}

/** See {@link WriterIdentity}. */
export type StoreIdentity = Pick<WriterIdentity, "storeId" | "lineage">;

/** A reader that knows whose log it reads. */
export interface LmdbReader extends LogReader {
  readonly origin: string;
  /** Which store it is, and the token that its guard holds too. */
  identity(): StoreIdentity;
  /** Keeps what is there now in the data file, for who copies that, until the returned function is called. Reading goes on, and sees what is new. */
  hold(): () => void;
  /** The last published checkpoint as of this call; the same object as long as it is the same one. Costs some microseconds. */
  published(): PublishedHead | undefined;
}

/**
 * Opens a log for writing, and so replaces any other writer. Does not take the directory's lock: see `lockDirectory`.
 * Open it once per process: opening again while an earlier opening commits would block this thread for ever.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED |
 *   STORE_FULL | STORE_FAILED | ARGUMENT_INVALID | INCOMPLETE (an import or a repair of it did not end)
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<LogStore> {
  const { directory, origin, maxBytes = Number.POSITIVE_INFINITY } = options;
  assertMaxBytes(maxBytes, MIN_MAX_BYTES);
  const { env, writer, queue, assertOpen, close } = await openForWriting({
    directory,
    layout: LOG_LAYOUT,
    claim(meta, { dropFormer }) {
      const upgrade = (): void => {
        dropFormer();
        options.onUpgrade?.();
      };
      const { storeId, fills } = options;
      return claimWriter(meta, { origin, storeId, fills, dropFormer: upgrade });
    },
    readBack: readHead,
  });
  try {
    const { storeId } = writer;
    const { onIndexing: onProgress = () => undefined, onMergeFailed = () => undefined } = options;
    const { floorBytes = 0 } = options;
    const index = await openLeaves({ env, directory, storeId }, { onProgress, onMergeFailed, floorBytes });
    return {
      writer,
      ...readerOf(env, assertOpen, (leafHashes) => index.findRepaired(leafHashes)),
      ...writerOf(env, queue, index, maxBytes),
      close: () => close(() => index.close()),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opens a log for reading, beside its writer and any number of readers, in this process or another one. A checkpoint is seen here up
 * to 50 ms after the writer shows it, and not after it when the writer has `hasReaders` (`openLog`) or witnesses.
 * Needs write access to the directory's lock file, as LMDB does.
 * @param options.origin - when given, the log must be of this origin.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED
 */
export async function openLmdbReader(options: {
  readonly directory: string;
  readonly origin?: string;
}): Promise<LmdbReader> {
  const { env, row, assertOpen, close } = await openForReading({
    directory: options.directory,
    layout: LOG_LAYOUT,
    what: "log",
    check(meta) {
      const found = readStoreRow(meta);
      if (found === undefined) return undefined;
      if (found.isFormer) throw formerSchema(options.directory);
      assertOrigin(options.origin ?? found.origin, found.origin);
      readHead(meta);
      return found;
    },
  });
  const publishedNow = publishedReader(env.tables.meta);
  const published = () => {
    assertOpen();
    env.refresh();
    return publishedNow();
  };
  const leaves = readLeaves({ env, directory: options.directory, storeId: row.storeId });
  return {
    origin: row.origin,
    identity() {
      assertOpen();
      env.refresh();
      return { storeId: row.storeId, lineage: readLineage(env.tables.meta) };
    },
    hold() {
      assertOpen();
      return env.hold();
    },
    published,
    ...readerOf(env, assertOpen, leaves.indexOf),
    close: () => close(leaves.close),
  };
}

function formerSchema(directory: string): TlogError {
  return new TlogError(
    "STORE_SCHEMA_UNKNOWN",
    `${directory} was written by an earlier version: open it for writing once, which brings it up to date`,
  );
}

function readerOf(
  env: LogEnvironment,
  assertOpen: () => void,
  indexOf: LogReader["indexOf"],
): Omit<LogReader, "close"> {
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
    async readSection(leafIndex) {
      assertOpen();
      assertSize("leafIndex", leafIndex);
      return readSection(tables.tiles, leafIndex);
    },
    async readEntries(range) {
      assertOpen();
      assertEntryRange(range);
      return readEntryRange(tables, treeSize(), range);
    },
    async indexOf(leafHashes) {
      assertOpen();
      assertHashes(leafHashes);
      return await indexOf(leafHashes);
    },
  };
}
