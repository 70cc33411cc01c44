/**
 * lmdb-js made safe for a log or a witness: its options, its reading trap, its transactions. The only file that imports lmdb.
 * Why each option and each detour: spec/decisions/0010, 0011 and 0012.
 */
import { type Database, open, type RootDatabase } from "lmdb";
import { InvariantError, TlogError } from "../errors.ts";
import { readAheadKib } from "../node/read-ahead.ts";
import { assertLmdbFiles } from "./data-directory.ts";
import { commitError, fullOrFailed, storeError } from "./lmdb-failure.ts";

/** How many read transactions may be open at once, over all processes; each takes a slot of the lock file. */
const MAX_READERS = 510;
const READER_CHECK_MS = 60_000;
/**
 * Where the kernel reads further ahead than that, each page of a large log that is not in memory costs megabytes, and others their
 * place: pages are then read one by one. spec/decisions/0037
 */
const MAX_READ_AHEAD_KIB = 512;

/** One named database: binary keys in bytewise order, binary values. */
export interface Table {
  /**
   * Hands the value to `use`, which must not keep it nor look at another value meanwhile: all values share one buffer.
   * @returns what `use` returned, or undefined when the key is absent.
   */
  view<T>(key: Uint8Array, use: (value: Uint8Array) => T): T | undefined;
  /**
   * Has the system take the values of these keys into its memory, one after the other, in a thread: `view` comes next. Absent keys
   * are no error. Never rejects.
   */
  fetch(keys: readonly Uint8Array[]): Promise<void>;
  /** The first `limit` keys of [start, end), in order: copies, of the snapshot that `view` sees in this event-loop turn. */
  keys(range: KeyRange): readonly Uint8Array[];
  /** Within `transact` only. Copies `value` before it returns. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Within `transact` only. An absent key is no error. */
  remove(key: Uint8Array): void;
}

export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
}

/** What lies in an environment: which named databases, all of them and no others. */
export interface Layout<Tables> {
  readonly tableNames: readonly string[];
  /** Named databases of earlier schemas: no reason to refuse the environment, and not opened for reading. */
  readonly formerTableNames?: readonly string[];
  readonly tablesOf: (table: (name: string) => Table) => Tables;
}

export interface Environment<Tables> {
  readonly tables: Tables;
  /** Reads after this call see all that was durable at the call. Reads of one event-loop turn otherwise share a snapshot. */
  refresh(): void;
  /** Keeps all that is visible now from being overwritten in the data file, until the returned function is called. The file grows meanwhile. */
  hold(): () => void;
  /** Size of the data file in bytes. It never shrinks: freed pages are used again. */
  usedBytes(): number;
  /** How much of the file the tables take. What is freed counts here no more. */
  tableBytes(): number;
  /**
   * Runs `apply`, later and synchronously, as one transaction: all of its writes or, when it throws, none.
   * Resolves when they are durable; nobody sees them before.
   * @throws what `apply` throws | {TlogError} STORE_FULL | STORE_FAILED
   */
  transact<T>(apply: () => T): Promise<T>;
  /** Within `transact` only. Removes what there is of the layout's former tables. */
  dropFormer(): void;
  close(): Promise<void>;
}

type Root = RootDatabase<Uint8Array, Uint8Array>;
type Named = Database<Uint8Array, Uint8Array>;

/**
 * Opens the LMDB environment in a directory that exists; read-only, also its files must exist.
 * @throws {TlogError} STORE_DAMAGED | STORE_SCHEMA_UNKNOWN | STORE_DIRECTORY_FOREIGN | STORE_FAILED
 */
export async function openEnvironment<Tables>(options: {
  readonly directory: string;
  readonly layout: Layout<Tables>;
  readonly readOnly: boolean;
  /** All of it is read, more or less from its beginning to its end: how far the disk reads ahead is then no harm. */
  readonly isSequential?: boolean;
}): Promise<Environment<Tables>> {
  const { directory, layout } = options;
  await assertLmdbFiles(directory);
  const noReadAhead =
    options.isSequential !== true && ((await readAheadKib(directory)) ?? 0) > MAX_READ_AHEAD_KIB;
  const root = openRoot({ ...options, noReadAhead });
  try {
    const names = namesIn(root);
    const { tableNames, formerTableNames = [] } = layout;
    assertOnlyTables(directory, names, [...tableNames, ...formerTableNames]);
    const named = openTables(directory, root, tableNames);
    const held = options.readOnly ? [] : formerTableNames.filter((name) => names.includes(name));
    const former = openTables(directory, root, held);
    return environmentOf(directory, root, { named, former }, layout);
  } catch (error) {
    await root.close();
    throw error;
  }
}

function environmentOf<Tables>(
  directory: string,
  root: Root,
  { named, former }: Record<"named" | "former", ReadonlyMap<string, Named>>,
  layout: Layout<Tables>,
): Environment<Tables> {
  const scope = { isApplying: false };
  const readerCheck = setInterval(() => freeStaleReaders(root), READER_CHECK_MS);
  readerCheck.unref();
  return {
    tables: layout.tablesOf((name) => tableOf(named.get(name), scope)),
    refresh: () => root.resetReadTxn(),
    hold() {
      root.resetReadTxn();
      const snapshot = root.useReadTransaction();
      return () => snapshot.done();
    },
    usedBytes: () => usedBytes(root.getStats()),
    tableBytes: () => [...named.values()].reduce((sum, table) => sum + tableBytes(table.getStats()), 0),
    transact: (apply) => transact(root, scope, apply).catch((error) => fullOrFailed(directory, error)),
    dropFormer() {
      if (!scope.isApplying) throw new InvariantError("a write outside a transaction");
      for (const table of former.values()) table.dropSync();
    },
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

function openRoot(options: {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly noReadAhead: boolean;
}): Root {
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
    noReadAhead: options.noReadAhead,
    // Batching starts a commit with an instruction whose promise nobody holds: its rejection would end the process.
    eventTurnBatching: false,
  };
  try {
    return open<Uint8Array, Uint8Array>(settings);
  } catch (cause) {
    throw storeError(`cannot open ${options.directory}`, cause);
  }
}

/** This LMDB stores a name with the NUL of its C string. */
function namesIn(root: Root): readonly string[] {
  return [...root.getKeys()].map((key) => Buffer.from(key).toString("latin1").replace(/\0$/, ""));
}

/** Looks before any table is made, so that another program's LMDB, or that of another role, is left as it was. */
function assertOnlyTables(directory: string, names: readonly string[], tableNames: readonly string[]): void {
  const foreign = names.find((name) => !tableNames.includes(name));
  if (foreign === undefined) return;
  throw new TlogError(
    "STORE_DIRECTORY_FOREIGN",
    `${directory} holds another LMDB (database ${foreign}): want the tables ${tableNames.join(", ")}`,
  );
}

function openTables(
  directory: string,
  root: Root,
  tableNames: readonly string[],
): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>();
  for (const name of tableNames) {
    // Typed as always there, yet undefined when opened read-only and absent.
    const database: Named | undefined = root.openDB({ name, encoding: "binary", keyEncoding: "binary" });
    if (database === undefined) throw new TlogError("STORE_DAMAGED", `${directory} has no database ${name}`);
    named.set(name, database);
  }
  return named;
}

function tableOf(database: Named | undefined, scope: { readonly isApplying: boolean }): Table {
  if (database === undefined) throw new InvariantError("a table that is not in the layout");
  const assertApplying = (): void => {
    if (!scope.isApplying) throw new InvariantError("a write outside a transaction");
  };
  return {
    view(key, use) {
      const value = readFast(database, key);
      return value === undefined ? undefined : use(value);
    },
    fetch: (keys) => database.prefetch([...keys]),
    keys: (range) => readKeys(database, range),
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

/** Keys only: values of a range are handed out in ways of their own, while `view` is the one way that is known to be safe. */
function readKeys(database: Named, { start, end, limit }: KeyRange): readonly Uint8Array[] {
  try {
    return [...database.getKeys({ start, end, limit })].map((key) => Uint8Array.from(key));
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

function usedBytes(stats: object): number {
  return (statistic(stats, "lastPageNumber") + 1) * statistic(stats, "pageSize");
}

function tableBytes(stats: object): number {
  const pages = ["treeBranchPageCount", "treeLeafPageCount", "overflowPages"].map((name) =>
    statistic(stats, name),
  );
  return pages.reduce((sum, count) => sum + count, 0) * statistic(stats, "pageSize");
}

function statistic(stats: object, name: string): number {
  const value = new Map<string, unknown>(Object.entries(stats)).get(name);
  if (typeof value !== "number") throw new InvariantError(`LMDB without the statistic ${name}`);
  return value;
}
