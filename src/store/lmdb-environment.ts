/**
 * lmdb-js made safe for a log: its options, its reading trap, its failing commits. The only file that imports lmdb.
 * Why each option and each detour: spec/decisions/0010, 0011 and 0012.
 */
import { statfs } from "node:fs/promises";
import { constants } from "node:os";
import { type Database, open, type RootDatabase } from "lmdb";
import { InvariantError, TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { assertLmdbFiles } from "./data-directory.ts";

/** How many read transactions may be open at once, over all processes; each takes a slot of the lock file. */
const MAX_READERS = 510;
const READER_CHECK_MS = 60_000;
/** How long to wait for lmdb-js to say why a commit failed, after it said that it failed. */
const CAUSE_WAIT_MS = 1000;
/** A disk with less room than this is full. */
const FULL_DISK_BYTES = 1_048_576;
const MDB_MAP_FULL = -30792;
const FULL_CODES: readonly number[] = [
  constants.errno.ENOSPC,
  constants.errno.EDQUOT,
  constants.errno.EFBIG,
  MDB_MAP_FULL,
];
const TABLE_NAMES: readonly string[] = ["meta", "tiles", "bundles", "tail", "leaves"];

/** One named database: binary keys in bytewise order, binary values. */
export interface Table {
  /**
   * Hands the value to `use`, which must not keep it nor look at another value meanwhile: all values share one buffer.
   * @returns what `use` returned, or undefined when the key is absent.
   */
  view<T>(key: Uint8Array, use: (value: Uint8Array) => T): T | undefined;
  /** Within `transact` only. Copies `value` before it returns. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Within `transact` only. An absent key is no error. */
  remove(key: Uint8Array): void;
}

export interface Tables {
  readonly meta: Table;
  readonly tiles: Table;
  readonly bundles: Table;
  readonly tail: Table;
  readonly leaves: Table;
}

export interface Environment {
  readonly tables: Tables;
  /** Reads after this call see all that was durable at the call. Reads of one event-loop turn otherwise share a snapshot. */
  refresh(): void;
  /** Size of the data file in bytes. It never shrinks: freed pages are used again. */
  usedBytes(): number;
  /**
   * Runs `apply`, later and synchronously, as one transaction: all of its writes or, when it throws, none.
   * Resolves when they are durable; nobody sees them before.
   * @throws what `apply` throws | {TlogError} STORE_FULL | STORE_FAILED
   */
  transact<T>(apply: () => T): Promise<T>;
  close(): Promise<void>;
}

type Root = RootDatabase<Uint8Array, Uint8Array>;
type Named = Database<Uint8Array, Uint8Array>;

/**
 * Opens the LMDB environment in a directory that exists; read-only, also its files must exist.
 * @throws {TlogError} STORE_DAMAGED | STORE_SCHEMA_UNKNOWN | STORE_DIRECTORY_FOREIGN | STORE_FAILED
 */
export async function openEnvironment(options: {
  readonly directory: string;
  readonly readOnly: boolean;
}): Promise<Environment> {
  await assertLmdbFiles(options.directory);
  const root = openRoot(options);
  try {
    assertOnlyOurTables(options.directory, root);
    return environmentOf(options.directory, root, openTables(options.directory, root));
  } catch (error) {
    await root.close();
    throw error;
  }
}

function environmentOf(directory: string, root: Root, named: ReadonlyMap<string, Named>): Environment {
  const scope = { isApplying: false };
  const table = (name: string): Table => tableOf(named.get(name), scope);
  const readerCheck = setInterval(() => freeStaleReaders(root), READER_CHECK_MS);
  readerCheck.unref();
  return {
    tables: {
      meta: table("meta"),
      tiles: table("tiles"),
      bundles: table("bundles"),
      tail: table("tail"),
      leaves: table("leaves"),
    },
    refresh: () => root.resetReadTxn(),
    usedBytes: () => usedBytes(root.getStats()),
    transact: (apply) => transact(root, scope, apply).catch((error) => fullOrFailed(directory, error)),
    async close() {
      clearInterval(readerCheck);
      await root.close();
    },
  };
}

/** Frees the slots of processes that were killed while reading. */
function freeStaleReaders(root: Root): void {
  try {
    root.readerCheck();
  } catch {
    // The slots stay taken until the next try: nothing to end a process for.
  }
}

function openRoot(options: { readonly directory: string; readonly readOnly: boolean }): Root {
  const settings = {
    path: options.directory,
    // By default lmdb-js takes a directory whose name has a dot for a file.
    noSubdir: false,
    // The default, true, shows readers what a power cut takes back.
    overlappingSync: false,
    encoding: "binary" as const,
    keyEncoding: "binary" as const,
    maxReaders: MAX_READERS,
    permissionsMode: 0o600,
    readOnly: options.readOnly,
    // Batching starts a commit with an instruction whose promise nobody holds: its rejection would end the process.
    eventTurnBatching: false,
  };
  try {
    return open<Uint8Array, Uint8Array>(settings);
  } catch (cause) {
    throw storeError(`cannot open ${options.directory}`, cause);
  }
}

/** Looks before any table is made, so that another program's LMDB is left as it was. */
function assertOnlyOurTables(directory: string, root: Root): void {
  // This LMDB stores a name with the NUL of its C string.
  const names = [...root.getKeys()].map((key) => Buffer.from(key).toString("latin1").replace(/\0$/, ""));
  const foreign = names.find((name) => !TABLE_NAMES.includes(name));
  if (foreign === undefined) return;
  throw new TlogError(
    "STORE_DIRECTORY_FOREIGN",
    `${directory} holds another program's LMDB (database ${foreign})`,
  );
}

function openTables(directory: string, root: Root): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>();
  for (const name of TABLE_NAMES) {
    // Typed as always there, yet undefined when opened read-only and absent.
    const database: Named | undefined = root.openDB({ name, encoding: "binary", keyEncoding: "binary" });
    if (database === undefined) throw new TlogError("STORE_DAMAGED", `${directory} has no database ${name}`);
    named.set(name, database);
  }
  return named;
}

function tableOf(database: Named | undefined, scope: { readonly isApplying: boolean }): Table {
  if (database === undefined) throw new InvariantError("a table that is not in TABLE_NAMES");
  const assertApplying = (): void => {
    if (!scope.isApplying) throw new InvariantError("a write outside a transaction");
  };
  return {
    view(key, use) {
      const value = readFast(database, key);
      return value === undefined ? undefined : use(value);
    },
    put(key, value) {
      assertApplying();
      void database.put(key, value);
    },
    remove(key) {
      assertApplying();
      void database.remove(key);
    },
  };
}

/** The one place that may call getBinaryFast: `length` is the value's, while the buffer behind it is 16 MiB and shared. */
function readFast(database: Named, key: Uint8Array): Uint8Array | undefined {
  try {
    const value = database.getBinaryFast(key);
    return value?.subarray(0, value.length);
  } catch (cause) {
    throw storeError("reading failed", cause);
  }
}

/**
 * A child transaction, because only that is undone when its callback throws: `transaction` keeps what was written before.
 */
async function transact<T>(root: Root, scope: { isApplying: boolean }, apply: () => T): Promise<T> {
  const applied = root.childTransaction(() => {
    scope.isApplying = true;
    try {
      return { result: apply() };
    } catch (error) {
      if (error instanceof TlogError || error instanceof InvariantError) throw error;
      throw storeError("writing failed", error);
    } finally {
      scope.isApplying = false;
    }
  });
  // Subscribes now, to this commit; a rejection is the one `applied` reports.
  const flushed = root.flushed.then(
    () => true,
    () => false,
  );
  const outcome = await applied.catch(async (error: unknown) => {
    throw await commitError(error);
  });
  if (!(await flushed)) throw new TlogError("STORE_FAILED", "the commit was not flushed");
  return outcome.result;
}

/** Turns a rejected transaction into a TlogError, and handles the second promise, whose rejection would end the process. */
async function commitError(error: unknown): Promise<unknown> {
  if (error instanceof TlogError || error instanceof InvariantError) return error;
  if (!(error instanceof Error) || !("commitError" in error)) return storeError("the commit failed", error);
  const { commitError: reported } = error;
  return storeError("the commit failed", await causeOf(reported));
}

async function causeOf(reported: unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CAUSE_WAIT_MS);
  });
  try {
    return await Promise.race([reported, silence]);
  } catch (cause) {
    return cause;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tells a full disk from a broken one: LMDB reports a write that was cut short as EIO. Taking one for the other loses nothing,
 * because the pages of an aborted transaction are never read, and a head half written shows as a store that cannot be read.
 */
async function fullOrFailed(directory: string, error: unknown): Promise<never> {
  if (!(error instanceof TlogError) || !hasErrorCode(error.cause, constants.errno.EIO)) throw error;
  // A disk that does not even say is not known to be full.
  const room = await statfs(directory).catch(() => undefined);
  if (room === undefined || room.bavail * room.bsize >= FULL_DISK_BYTES) throw error;
  throw new TlogError("STORE_FULL", `the disk of ${directory} is full`, { cause: error });
}

function storeError(what: string, cause: unknown): TlogError {
  const isFull = FULL_CODES.some((code) => hasErrorCode(cause, code));
  return new TlogError(isFull ? "STORE_FULL" : "STORE_FAILED", `${what}: ${messageOf(cause)}`, { cause });
}

function usedBytes(stats: object): number {
  if (!("lastPageNumber" in stats && "pageSize" in stats))
    throw new InvariantError("LMDB without statistics");
  const { lastPageNumber, pageSize } = stats;
  if (typeof lastPageNumber !== "number" || typeof pageSize !== "number") {
    throw new InvariantError("LMDB statistics that are no numbers");
  }
  return (lastPageNumber + 1) * pageSize;
}
