/** What an opening may go on from: held against the guard, and taken over. */
import { claimLineage, type GuardedHead } from "../keys/guard.ts";
import { type CompactRange, emptyRange } from "../merkle/compact-range.ts";
import type { StoreHead } from "../store/store.ts";
import type { LogOptions } from "./options.ts";
import { rangeFromStore, vouchedHead } from "./read-back.ts";

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
 * @param shown - a head of the stored tree that others show with this log's signature.
 * @throws {TlogError} as `claimLineage` | STORE_DAMAGED
 */
export async function claimLog(
  options: Pick<LogOptions, "store" | "guard" | "recreateGuard" | "randomToken" | "events">,
  origin: string,
  shown: GuardedHead | undefined,
): Promise<Claimed> {
  const { store, guard, recreateGuard } = options;
  const head = await store.head();
  const lineage = options.randomToken();
  const vouch = async (guarded: GuardedHead | undefined) =>
    largerHead(await vouchedHead(store, head, guarded), shown);
  const signed = await claimLineage({ store, guard, origin, vouch, recreateGuard, nextToken: lineage });
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
