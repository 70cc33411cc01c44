/** What a guard that is already there demands of a log that is brought back from elsewhere. */
import { TlogError } from "../errors.ts";
import { checkGuardedKeys, type Guard, type GuardRecord } from "../keys/guard.ts";
import { rangeAt } from "../log/read-back.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { LogStore } from "../store/store.ts";
import { changeHashes, type KeyHistory, parseKeyHistory } from "../tlog/key-history.ts";

/** `none`: there is no guard. `fits`: the store is the guard's already. `adopted`: it is from now on. */
export type GuardOutcome = "none" | "fits" | "adopted";

/**
 * Refuses before anything is made.
 * @param options.treeSize - how large the log will be. @param options.keyHistory - what it will know of its keys.
 * @throws {TlogError} GUARD_MISMATCH (of another log, or other changes of keys) | GUARD_AHEAD (more was signed than there will be, or more
 *   changes of keys were made) | GUARD_MALFORMED | GUARD_FAILED
 */
export async function guardedBefore(
  guard: Guard,
  {
    origin,
    treeSize,
    keyHistory,
  }: { readonly origin: string; readonly treeSize: number; readonly keyHistory: KeyHistory | undefined },
): Promise<GuardRecord | undefined> {
  const record = await guard.read();
  if (record === undefined) return undefined;
  if (record.origin !== origin) {
    throw new TlogError(
      "GUARD_MISMATCH",
      `the guard ${guard.location} belongs to ${record.origin}, this log is ${origin}`,
    );
  }
  const signedSize = record.signed?.treeSize ?? 0;
  if (signedSize > treeSize) {
    throw new TlogError(
      "GUARD_AHEAD",
      `size ${signedSize} was signed by this log (guard ${guard.location}), and there would be ${treeSize} entries: ${signedSize - treeSize} are missing`,
    );
  }
  checkGuardedKeys(record.keys, changeHashes(keyHistory), guard.location);
  return record;
}

/**
 * Gives the store the guard's lineage, once it holds everything that the guard knows to be signed: then it may sign what comes after, and
 * whoever holds an older copy may not.
 * @throws {TlogError} GUARD_MISMATCH (another store, or another root at the signed size) | GUARD_AHEAD | STORE_FAILED | …
 */
export async function adoptGuard(store: LogStore, guard: Guard): Promise<GuardOutcome> {
  // Read again: a server may have gone on signing meanwhile.
  const { integrated, keys } = await store.head();
  const record = await guard.read();
  if (record === undefined) return "none";
  const { storeId, lineage } = store.writer;
  if (record.storeId !== storeId) {
    throw new TlogError(
      "GUARD_MISMATCH",
      `the guard ${guard.location} belongs to store ${record.storeId}, this is store ${storeId}`,
    );
  }
  checkGuardedKeys(record.keys, changeHashes(keys && parseKeyHistory(keys.history)), guard.location);
  const guarded = record.signed;
  if (guarded !== undefined) {
    if (guarded.treeSize > integrated.treeSize) {
      throw new TlogError(
        "GUARD_AHEAD",
        `size ${guarded.treeSize} was signed meanwhile (guard ${guard.location}), and there are ${integrated.treeSize} entries: is a server of this log still running?`,
      );
    }
    const rootHash = rangeRoot(await rangeAt(store, guarded.treeSize));
    if (!hashesEqual(rootHash, guarded.rootHash)) {
      throw new TlogError(
        "GUARD_MISMATCH",
        `at tree size ${guarded.treeSize} this log signed another root (guard ${guard.location}): they are two histories`,
      );
    }
  }
  if (lineage === record.lineage || (lineage !== undefined && lineage === record.nextLineage)) return "fits";
  await store.adoptLineage(record.lineage);
  return "adopted";
}
