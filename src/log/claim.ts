/** What an opening may go on from: held against the guard, and taken over. */
import { checkGuardedKeys, claimLineage, type GuardedHead } from "../keys/guard.ts";
import { type CompactRange, emptyRange } from "../merkle/compact-range.ts";
import type { StoreHead } from "../store/store.ts";
import type { LogOptions } from "./options.ts";
import { rangeFromStore, vouchedHead } from "./read-back.ts";

/**
 * Holds what is known of the log's keys against the guard, before they are held against those that should sign: who starts a restored
 * directory with the right key is to hear what it lacks, and not that the key is wrong. {@link claimLog} does it again.
 * @throws {TlogError} GUARD_AHEAD | GUARD_MISMATCH | GUARD_MALFORMED | GUARD_FAILED
 */
export async function assertGuardedKeysKnown(
  { store, guard, recreateGuard }: Pick<LogOptions, "store" | "guard" | "recreateGuard">,
  { origin, keyChanges }: { readonly origin: string; readonly keyChanges: readonly Uint8Array[] },
): Promise<void> {
  if (recreateGuard) return;
  const held = await guard.read();
  // Another's guard is refused with better words.
  if (held === undefined || held.origin !== origin || held.storeId !== store.writer.storeId) return;
  checkGuardedKeys(held.keys, keyChanges, guard.location);
}

export interface Claimed {
  /** The lineage token this opening holds. */
  readonly lineage: string;
  /** What storage held before the opening changed anything. */
  readonly head: StoreHead;
  /** The largest head that was ever handed to a signer, its tree rebuilt from storage. */
  readonly verified: CompactRange;
  /** That head, when the guard has it and storage does not record it. */
  readonly unrecorded: GuardedHead | undefined;
}

/**
 * Makes this opening the only one that may sign.
 * @param known.shown - a head of the stored tree that others show with this log's signature.
 * @param known.keyChanges - SHA-256 of each change of the log's keys that is stored, oldest first.
 * @throws {TlogError} as `claimLineage` | STORE_DAMAGED
 */
export async function claimLog(
  options: Pick<LogOptions, "store" | "guard" | "recreateGuard" | "randomToken" | "events">,
  origin: string,
  {
    shown,
    keyChanges,
  }: { readonly shown: GuardedHead | undefined; readonly keyChanges: readonly Uint8Array[] },
): Promise<Claimed> {
  const { store, guard, recreateGuard } = options;
  const head = await store.head();
  const lineage = options.randomToken();
  const vouch = async (guarded: GuardedHead | undefined) =>
    largerHead(await vouchedHead(store, head, guarded), shown);
  const signed = await claimLineage({
    ...{ store, guard, origin, vouch, keyChanges, recreateGuard },
    nextToken: lineage,
  });
  if (recreateGuard) {
    options.events.warning?.({
      code: "GUARD_RECREATED",
      message: `the guard ${guard.location} starts anew from the data directory`,
    });
  }
  const verified =
    signed === undefined || signed.treeSize === 0 ? emptyRange() : await rangeFromStore(store, signed);
  return { lineage, head, verified, unrecorded: signed === head.signed ? undefined : signed };
}

function largerHead(held: GuardedHead | undefined, shown: GuardedHead | undefined): GuardedHead | undefined {
  // The empty tree of another opening promises nothing.
  if (shown === undefined || shown.treeSize <= (held?.treeSize ?? 0)) return held;
  return { treeSize: shown.treeSize, rootHash: shown.rootHash };
}
