/**
 * A damaged data directory made whole, beside the damaged one, which is only read: entries from it where they are intact, from mirrors where not,
 * and everything else derived anew from the entries. What comes out is held against signed heads.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import type { Guard } from "../keys/guard.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { STORE_FILES } from "../store/data-directory.ts";
import { lockDirectory } from "../store/directory-lock.ts";
import { type LmdbReader, openLmdbStore } from "../store/lmdb.ts";
import type { LogStore } from "../store/store.ts";
import type { CheckpointTrust, VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import type { KeyHistory } from "../tlog/key-history.ts";
import { adoptGuard, type GuardOutcome, guardedBefore } from "./adopt-guard.ts";
import { appendTree, recordHead } from "./append.ts";
import { longerHistory, openNewestHead, readKeyHistory, recordKeys } from "./carried-keys.ts";
import { inEmptyDirectory } from "./empty-directory.ts";
import { beginFilling } from "./filling.ts";
import type { LogSource, TreeHead } from "./source.ts";
import { openStoreSource, openWholeReader } from "./store-source.ts";
import type { PassedOver } from "./walk.ts";

export interface RepairOptions {
  /** Only read. No server may be running on it. */
  readonly damaged: string;
  /** Made, or empty: the whole one. */
  readonly directory: string;
  /** Asked, in order, for what the damaged one does not have; may be none. */
  readonly mirrors: readonly LogSource[];
  readonly trust: CheckpointTrust;
  /** Of the log's keys, signatures verified, beside what the places show. */
  readonly keyHistory?: KeyHistory | undefined;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  readonly onStart?: (work: { readonly from: number; readonly treeSize: number }) => void;
  readonly onProgress?: (done: { readonly treeSize: number; readonly bytes: number }) => void;
  /** Told of entries that were taken from a mirror, and why. */
  readonly onPassedOver?: (passed: PassedOver) => void;
  /** Told of a place that could not be used at all, and why. */
  readonly onUnusable?: (place: { readonly location: string; readonly error: TlogError }) => void;
}

export interface Repaired {
  readonly origin: string;
  readonly treeSize: number;
  /** The largest signed head that it was held against. */
  readonly signedSize: number;
  /** Entries that were not in the damaged directory, or were damaged there. */
  readonly fetched: number;
  readonly guard: GuardOutcome;
}

/**
 * @throws {TlogError} STORE_LOCKED (a server runs on the damaged directory) | STORE_DIRECTORY_FOREIGN | NOT_FOUND (no checkpoint anywhere) |
 *   GUARD_AHEAD | GUARD_MISMATCH | ROOT_MISMATCH | ENTRY_MISMATCH (damaged, and no mirror has it) |
 *   USAGE (the new directory holds something), and as {@link appendTree}: then nothing is left of
 *   the new directory
 */
export async function repairLog(options: RepairOptions): Promise<Repaired> {
  const reader = await openDamaged(options);
  try {
    const lock = await lockDirectory(options.damaged);
    try {
      return await rebuild(options, reader);
    } finally {
      await lock.release();
    }
  } finally {
    await reader?.close();
  }
}

async function openDamaged({ damaged, onUnusable }: RepairOptions): Promise<LmdbReader | undefined> {
  try {
    return await openWholeReader(damaged);
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "STORE_DIRECTORY_FOREIGN") throw error;
    onUnusable?.({ location: damaged, error });
    return undefined;
  }
}

async function rebuild(options: RepairOptions, reader: LmdbReader | undefined): Promise<Repaired> {
  const { damaged, directory, mirrors, guard, signal } = options;
  const own = reader && openStoreSource(reader, damaged);
  const sources = own === undefined ? mirrors : [own, ...mirrors];
  const keyHistory = await longestKeys(sources, options);
  const heads = await signedHeads(sources, keyHistory, options);
  const largest = heads.at(-1);
  if (largest === undefined)
    throw new TlogError("NOT_FOUND", "no place has a checkpoint that verifies: nothing to repair by");
  const integrated = await integratedBeyond(reader, largest);
  const { origin } = largest;
  const treeSize = integrated?.treeSize ?? largest.treeSize;
  const record = await guardedBefore(guard, { origin, treeSize, keyHistory });
  options.onStart?.({ from: 0, treeSize });
  let fetched = 0;
  const onPassedOver = (passed: PassedOver): void => {
    fetched += passed.end - passed.start;
    options.onPassedOver?.(passed);
  };
  const { onProgress } = options;
  return await inNewStore(
    { directory, origin, storeId: record?.storeId ?? reader?.identity().storeId },
    async (store) => {
      await beginFilling(store, largest);
      // Smaller first: what a mirror has is held against its own signed head and tiles.
      for (const head of integrated === undefined ? heads : [...heads, integrated]) {
        await appendTree(store, { sources, head, wantsTiles: false, signal, onProgress, onPassedOver });
      }
      await recordKeys(store, { head: largest, keyHistory });
      await recordHead(store, largest);
      const outcome = await adoptGuard(store, guard);
      return { origin, treeSize, signedSize: largest.treeSize, fetched, guard: outcome };
    },
  );
}

/** What the places know of the log's keys. @throws {TlogError} KEY_HISTORY_FORKED */
async function longestKeys(
  sources: readonly LogSource[],
  { trust, keyHistory, signal, onUnusable }: RepairOptions,
): Promise<KeyHistory | undefined> {
  let longest = keyHistory;
  for (const source of sources) {
    const shown = await readKeyHistory(source, { trust, signal }).catch((error: unknown) => {
      if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
      onUnusable?.({ location: `the key history of ${source.location}`, error });
      return undefined;
    });
    longest = longerHistory(longest, shown);
  }
  return longest;
}

/** The checkpoints that verify, smallest first. */
async function signedHeads(
  sources: readonly LogSource[],
  history: KeyHistory | undefined,
  { trust, signal, onUnusable }: RepairOptions,
): Promise<readonly VerifiedCheckpoint[]> {
  const heads: VerifiedCheckpoint[] = [];
  for (const source of sources) {
    try {
      heads.push(await openNewestHead(source, { trust, history, signal }));
    } catch (error) {
      if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
      onUnusable?.({ location: `the checkpoint of ${source.location}`, error });
    }
  }
  return heads.sort((a, b) => a.treeSize - b.treeSize);
}

/** Entries that were answered, and not published yet. */
async function integratedBeyond(
  reader: LmdbReader | undefined,
  { treeSize }: TreeHead,
): Promise<TreeHead | undefined> {
  if (reader === undefined) return undefined;
  const { integrated } = await reader.head();
  if (integrated.treeSize <= treeSize) return undefined;
  return { treeSize: integrated.treeSize, rootHash: rangeRoot(integrated) };
}

/** What fails half way leaves nothing: its entries are not known to be right before the end. */
async function inNewStore<T>(
  place: { readonly directory: string; readonly origin: string; readonly storeId: string | undefined },
  work: (store: LogStore) => Promise<T>,
): Promise<T> {
  const { directory } = place;
  return await inEmptyDirectory(directory, async () => {
    try {
      const store = await openLmdbStore(place);
      return await work(store).finally(() => store.close());
    } catch (error) {
      // Only what an opening makes: the directory was empty.
      for (const name of STORE_FILES) await rm(join(directory, name), { recursive: true, force: true });
      throw error;
    }
  });
}
