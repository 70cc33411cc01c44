/** Any tlog-tiles log as a data directory: a new one, or one that lacks what came later. */
import { TlogError } from "../errors.ts";
import type { Guard } from "../keys/guard.ts";
import { lockDirectory } from "../store/directory-lock.ts";
import { openLmdbReader, openLmdbStore } from "../store/lmdb.ts";
import type { StoreHead } from "../store/store.ts";
import type { VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { type KeyHistory, parseKeyHistory } from "../tlog/key-history.ts";
import { adoptGuard, type GuardOutcome, guardedBefore } from "./adopt-guard.ts";
import { type AppendOptions, appendTree, recordHead } from "./append.ts";
import { longerHistory, recordKeys } from "./carried-keys.ts";
import { beginFilling, endFilling } from "./filling.ts";

export type ImportOptions = Omit<AppendOptions, "head" | "wantsTiles"> & {
  /** Whose signatures were verified. */
  readonly head: VerifiedCheckpoint;
  /** Of the log's keys, signatures verified; undefined when the source shows none. */
  readonly keyHistory?: KeyHistory | undefined;
  /** Made when absent; one that holds this log already is brought up to `head`. */
  readonly directory: string;
  /** What this log signed before, when it is the operator's own; closed by the caller. */
  readonly guard: Guard;
  /** Told once, before the first entry is written. */
  readonly onStart?: (work: { readonly from: number; readonly treeSize: number }) => void;
};

export interface Imported {
  /** Entries that were there before. */
  readonly before: number;
  /** Entries that are there now. */
  readonly treeSize: number;
  readonly guard: GuardOutcome;
}

/**
 * Brings a data directory up to a signed head: every entry is held against its tree before it is written. A guard that belongs to this log is
 * asked what was signed, and accepts the directory afterwards. Stopped in the middle, it goes on with the next call; until then nobody signs from it.
 * @throws {TlogError} STORE_LOCKED | STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | GUARD_AHEAD | GUARD_MISMATCH | STORE_FULL | STORE_FAILED |
 *   INCOMPLETE (an earlier call began with a larger head, and this one is reached), and as
 *   {@link recordKeys} and {@link appendTree}
 */
export async function importLog(options: ImportOptions): Promise<Imported> {
  const { directory, head, guard } = options;
  const { origin } = head;
  const held = await heldBefore(directory, origin);
  const record = await guardedBefore(guard, {
    origin,
    treeSize: Math.max(held?.integrated.treeSize ?? 0, head.treeSize),
    keyHistory: longerHistory(held?.keys && parseKeyHistory(held.keys.history), options.keyHistory),
  });
  const lock = await lockDirectory(directory);
  try {
    const store = await openLmdbStore({ directory, origin, storeId: record?.storeId, fills: true });
    try {
      const before = (await store.head()).integrated.treeSize;
      options.onStart?.({ from: before, treeSize: head.treeSize });
      await beginFilling(store, head);
      await appendTree(store, options);
      await recordKeys(store, { head, keyHistory: options.keyHistory });
      await recordHead(store, head);
      await endFilling(store);
      const outcome = await adoptGuard(store, guard);
      return { before, treeSize: (await store.head()).integrated.treeSize, guard: outcome };
    } finally {
      await store.close();
    }
  } finally {
    await lock.release();
  }
}

/** What is there already; undefined where there is no log yet. @throws {TlogError} STORE_ORIGIN_MISMATCH | STORE_DAMAGED | STORE_FAILED */
async function heldBefore(directory: string, origin: string): Promise<StoreHead | undefined> {
  try {
    const reader = await openLmdbReader({ directory, origin });
    try {
      return await reader.head();
    } finally {
      await reader.close();
    }
  } catch (error) {
    // Whether a log may be made there is for the opening to say.
    if (error instanceof TlogError && error.code === "STORE_DIRECTORY_FOREIGN") return undefined;
    throw error;
  }
}
