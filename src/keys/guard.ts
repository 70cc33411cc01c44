import { TlogError } from "../errors.ts";
import { hashesEqual } from "../merkle/hash.ts";

/**
 * The guard remembers, outside the data directory, what the log has already signed. A directory that is older than its
 * guard (a restored backup, a copy) would sign a second, different history: the guard is how the log knows before it does.
 */
export interface Guard {
  /** Where the record lies, for messages. */
  readonly location: string;
  /** @throws {TlogError} GUARD_MALFORMED | GUARD_FAILED */
  read(): Promise<GuardRecord | undefined>;
  /**
   * Resolves when the record is durable. A guard that other processes write too refuses who was replaced: one whose lineage is no
   * longer among those it holds, and one that would drop the next lineage and is not it. It keeps the head and the key changes it
   * holds when those are more: whoever takes a log over may not have heard of the last ones of the writer before.
   * @throws {TlogError} GUARD_FAILED | WRITER_REPLACED
   */
  write(record: GuardRecord): Promise<void>;
  /**
   * Puts the record out of the way, so that the next write starts a new one. Only on an operator's word.
   * @throws {TlogError} GUARD_MALFORMED (there is something that is no guard) | GUARD_FAILED
   */
  setAside(): Promise<void>;
  close(): Promise<void>;
}

export interface GuardRecord {
  readonly origin: string;
  /** 32 lowercase hex digits: which store. */
  readonly storeId: string;
  /** The token the store holds too; see LogStore.adoptLineage. */
  readonly lineage: string;
  /** Set only between the two steps of an opening: the token the store is about to take. */
  readonly nextLineage: string | undefined;
  /** The writer epoch of the last opening. */
  readonly epoch: number;
  /** The largest head handed to a signer. */
  readonly signed: GuardedHead | undefined;
  /** Undefined: the log's keys never changed, as far as this guard has heard. */
  readonly keys?: GuardedKeys | undefined;
}

export interface GuardedHead {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/** How far a log's keys have changed. spec/key-history.md */
export interface GuardedKeys {
  /** How many changes there are. */
  readonly changes: number;
  /** SHA-256 of the text of the last one, which names the one before. */
  readonly lastChange: Uint8Array;
}

/** What an opening store says of itself, to hold against the guard. */
export interface GuardedStore {
  readonly origin: string;
  readonly storeId: string;
  readonly epoch: number;
  readonly lineage: string | undefined;
  /** The largest head it has, by its own record or by its tree. */
  readonly signed: GuardedHead | undefined;
  /** SHA-256 of each change of its keys that it has, oldest first. */
  readonly keyChanges?: readonly Uint8Array[] | undefined;
}

/**
 * Holds a store against its guard before anything is signed.
 * @throws {TlogError} GUARD_MISSING (the log has signed, its guard is gone) | GUARD_AHEAD (the guard saw more than the
 *   store holds, or more changes of keys) | GUARD_MISMATCH (the guard belongs to another store, or another copy of this one ran since)
 */
export function checkGuard(record: GuardRecord | undefined, store: GuardedStore, location: string): void {
  if (record === undefined) {
    if (store.lineage === undefined && store.signed === undefined) return;
    throw new TlogError(
      "GUARD_MISSING",
      `something was signed from here before, and the guard ${location} is missing`,
    );
  }
  if (record.storeId !== store.storeId || record.origin !== store.origin) {
    throw new TlogError(
      "GUARD_MISMATCH",
      `the guard ${location} belongs to ${record.origin} (store ${record.storeId}), this is ${store.origin} (store ${store.storeId})`,
    );
  }
  checkSignedHead(record, store, location);
  checkGuardedKeys(record.keys, store.keyChanges ?? [], location);
  // Nothing was signed under this guard yet: an opening that crashed before its store took the token.
  if (store.lineage === undefined && record.signed === undefined) return;
  if (
    store.lineage !== record.lineage &&
    (store.lineage === undefined || store.lineage !== record.nextLineage)
  ) {
    throw new TlogError(
      "GUARD_MISMATCH",
      `another copy of this data directory was opened since: the guard ${location} is at epoch ${record.epoch}, of a different opening`,
    );
  }
}

function checkSignedHead(record: GuardRecord, store: GuardedStore, location: string): void {
  const guarded = record.signed;
  if (guarded === undefined) return;
  const storeSize = store.signed?.treeSize ?? 0;
  if (store.signed === undefined || storeSize < guarded.treeSize) {
    throw new TlogError(
      "GUARD_AHEAD",
      `size ${guarded.treeSize} was signed from here, but this data directory knows of ${storeSize} only (guard ${location})`,
    );
  }
  if (storeSize === guarded.treeSize && !hashesEqual(store.signed.rootHash, guarded.rootHash)) {
    throw new TlogError(
      "GUARD_MISMATCH",
      `at tree size ${storeSize} the guard ${location} and the data directory hold different roots`,
    );
  }
}

/** GUARD_AHEAD for want of changes of keys, not of entries. */
export class KeyChangesMissingError extends TlogError {
  /** How many the guard has heard of. */
  readonly changes: number;

  constructor(changes: number, message: string) {
    super("GUARD_AHEAD", message);
    this.changes = changes;
  }
}

/**
 * Holds what a store knows of its log's keys against the guard: without a change that was made, a key that was replaced would sign again.
 * @param changes - SHA-256 of each change that the store has, oldest first.
 * @throws {TlogError} GUARD_AHEAD (changes are missing, {@link KeyChangesMissingError}) | GUARD_MISMATCH (others were made)
 */
export function checkGuardedKeys(
  guarded: GuardedKeys | undefined,
  changes: readonly Uint8Array[],
  location: string,
): void {
  if (guarded === undefined) return;
  const held = changes[guarded.changes - 1];
  if (held === undefined) {
    throw new KeyChangesMissingError(
      guarded.changes,
      `the log's keys changed ${times(guarded.changes)}, and this data directory knows of ${changes.length === 0 ? "no change" : `${changes.length} only`} (guard ${location}): a key that was replaced must not sign again`,
    );
  }
  if (hashesEqual(held, guarded.lastChange)) return;
  throw new TlogError(
    "GUARD_MISMATCH",
    `change ${guarded.changes} of the log's keys is another one in this data directory than the guard ${location} has heard of: they are two histories`,
  );
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** What a guard remembers of a log's changes. @param changes - as {@link checkGuardedKeys} takes them. */
export function guardedKeys(changes: readonly Uint8Array[]): GuardedKeys | undefined {
  const lastChange = changes.at(-1);
  return lastChange && { changes: changes.length, lastChange };
}

/** What a store says for itself when it is told what the guard has: the largest head it has, by its own record or by its tree. */
export type Vouch = (guarded: GuardedHead | undefined) => Promise<GuardedHead | undefined>;

/** What an opening needs of a store to claim it: who it is, and where its token goes. */
export interface ClaimableStore {
  readonly writer: Pick<GuardedStore, "storeId" | "epoch" | "lineage">;
  adoptLineage(token: string): Promise<void>;
}

/**
 * Makes this opening the only one its guard accepts, in three durable steps: the guard names the next token beside the old
 * one, the store takes it, the guard drops the old one. A crash between any two leaves a pair that opens again.
 * @param args.vouch - asked once, about the record that the store is then held against: a former writer may still write the guard.
 * @param args.keyChanges - SHA-256 of each change of its keys that a log has, oldest first; a witness has none.
 * @param args.recreateGuard - the operator accepts that the guard is lost.
 * @param args.nextToken - the token this opening holds from then on: 32 lowercase hex digits nobody can guess.
 * @returns what `vouch` said.
 * @throws {TlogError} as {@link checkGuard} and {@link Guard}
 */
export async function claimLineage(args: {
  readonly store: ClaimableStore;
  readonly guard: Guard;
  readonly origin: string;
  readonly vouch: Vouch;
  readonly keyChanges?: readonly Uint8Array[];
  readonly recreateGuard: boolean;
  readonly nextToken: string;
}): Promise<GuardedHead | undefined> {
  const { store, guard, origin, vouch, keyChanges = [], recreateGuard, nextToken } = args;
  const { storeId, epoch, lineage } = store.writer;
  const held = await (recreateGuard ? guard.read().catch(ignoreMalformed) : guard.read());
  const signed = await vouch(recreateGuard ? undefined : held?.signed);
  if (recreateGuard) {
    refuseOthersGuard(held, { origin, storeId }, guard.location);
    await guard.setAside();
  } else {
    checkGuard(held, { origin, storeId, epoch, lineage, signed, keyChanges }, guard.location);
  }
  const record = { origin, storeId, epoch, signed, keys: guardedKeys(keyChanges) };
  await guard.write({ ...record, lineage: lineage ?? nextToken, nextLineage: nextToken });
  await store.adoptLineage(nextToken);
  await guard.write({ ...record, lineage: nextToken, nextLineage: undefined });
  return signed;
}

/** An operator may give up this guard, damaged or not; the guard of another log or witness is still needed by that one. */
function refuseOthersGuard(
  held: GuardRecord | undefined,
  own: { readonly origin: string; readonly storeId: string },
  location: string,
): void {
  if (held === undefined || (held.origin === own.origin && held.storeId === own.storeId)) return;
  throw new TlogError(
    "GUARD_MISMATCH",
    `the guard ${location} belongs to another log or witness, ${held.origin} (store ${held.storeId})`,
  );
}

function ignoreMalformed(error: unknown): undefined {
  if (error instanceof TlogError && error.code === "GUARD_MALFORMED") return undefined;
  throw error;
}

/** A guard that lives as long as its process: for logs in memory, and for tests. */
export function memoryGuard(initial?: GuardRecord): Guard {
  let record = initial; // owned by write()
  return {
    location: "memory",
    read: () => Promise.resolve(record),
    write: (next) => {
      record = next;
      return Promise.resolve();
    },
    setAside: () => {
      record = undefined;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
