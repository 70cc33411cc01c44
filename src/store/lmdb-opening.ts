/** How a directory is opened for writing or reading, and closed: for a log and for a witness. */
import { TlogError } from "../errors.ts";
import { assertDataFile, prepareDirectory, syncDataFile, syncFileNames } from "./data-directory.ts";
import { type Environment, type Layout, openEnvironment, type Table } from "./lmdb-environment.ts";
import { type WriteQueue, writeQueue } from "./lmdb-queue.ts";
import type { WriterIdentity } from "./store.ts";

type WithMeta = { readonly meta: Table };

export interface Writing<Tables> {
  readonly env: Environment<Tables>;
  readonly writer: WriterIdentity;
  readonly queue: WriteQueue;
  /** @throws {TlogError} STORE_CLOSED */
  assertOpen(): void;
  /** @param also - what else to close, once nothing is being written and before the environment. */
  close(also?: () => Promise<void>): Promise<void>;
}

export interface Reading<Tables, Row> {
  readonly env: Environment<Tables>;
  readonly row: Row;
  /** @throws {TlogError} STORE_CLOSED */
  assertOpen(): void;
  /** @param also - what else to close, before the environment. */
  close(also?: () => Promise<void>): Promise<void>;
}

/**
 * Opens for writing, durably, and so replaces any other writer.
 * @param options.claim - makes the caller the writer, inside a transaction. @param options.readBack - see `writeQueue`.
 * @throws {TlogError} what `claim` throws | STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FULL |
 *   STORE_FAILED | ARGUMENT_INVALID
 */
export async function openForWriting<Tables extends WithMeta>(options: {
  readonly directory: string;
  readonly layout: Layout<Tables>;
  readonly claim: (meta: Table, env: Environment<Tables>) => WriterIdentity;
  readonly readBack: (meta: Table) => unknown;
}): Promise<Writing<Tables>> {
  const { directory, layout, claim, readBack } = options;
  await prepareDirectory(directory);
  const env = await openEnvironment({ directory, layout, readOnly: false });
  try {
    await syncFileNames(directory);
    const writer = await env.transact(() => claim(env.tables.meta, env));
    env.refresh();
    const life = lifeOf(env);
    const queue = writeQueue(env, writer, life.assertOpen, readBack);
    const close = (also?: () => Promise<void>) => life.close(() => queue.idle().then(also));
    return { env, writer, queue, assertOpen: life.assertOpen, close };
  } catch (error) {
    await env.close();
    throw error;
  }
}

/**
 * Opens for reading what is there, beside its writer.
 * @param options.check - reads the row that says what lies here; throws when it is not what was asked for.
 * @throws {TlogError} what `check` throws | STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED
 */
export async function openForReading<Tables extends WithMeta, Row>(options: {
  readonly directory: string;
  readonly layout: Layout<Tables>;
  readonly what: "log" | "witness";
  readonly check: (meta: Table) => Row | undefined;
  /** See `openEnvironment`. */
  readonly isSequential?: boolean;
}): Promise<Reading<Tables, Row>> {
  const { directory, layout, what, isSequential = false } = options;
  await assertDataFile(directory, what);
  const env = await openEnvironment({ directory, layout, readOnly: true, isSequential });
  try {
    const row = options.check(env.tables.meta);
    if (row === undefined) {
      throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} holds no ${what} yet`);
    }
    await syncDataFile(directory);
    const life = lifeOf(env);
    const close = (also?: () => Promise<void>) => life.close(async () => await also?.());
    return { env, row, assertOpen: life.assertOpen, close };
  } catch (error) {
    await env.close();
    throw error;
  }
}

/** @throws {TlogError} ARGUMENT_INVALID */
export function assertMaxBytes(maxBytes: number, min: number): void {
  if (maxBytes >= min) return;
  throw new TlogError("ARGUMENT_INVALID", `maxBytes: want at least ${min}, got ${maxBytes}`);
}

interface Life {
  assertOpen(): void;
  close(idle: () => Promise<void>): Promise<void>;
}

function lifeOf(env: { close(): Promise<void> }): Life {
  let closing: Promise<void> | undefined;
  return {
    assertOpen() {
      if (closing !== undefined) throw new TlogError("STORE_CLOSED", "the store is closed");
    },
    close(idle) {
      closing ??= idle().finally(() => env.close());
      return closing;
    },
  };
}
