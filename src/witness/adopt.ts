import { InvariantError, TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { CosignedHead, HeadUpdate, WitnessStore } from "../store/witness-store.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { OwnSignature } from "./witness.ts";

/**
 * Deals with signatures of this witness that its store knows nothing of: the store was restored from an older copy, or another
 * process has the key. Going on from the store would sign below what is signed already.
 * @throws {TlogError} WITNESS_ROLLED_BACK: unless they may be adopted, and where they contradict the store, which no head can heal
 */
export async function adoptOwnSignatures(args: {
  readonly ownSignatures: readonly OwnSignature[];
  readonly adoptOwnSignatures: boolean;
  readonly store: WitnessStore;
  readonly commits: CommitQueue;
  readonly events: Required<WitnessEvents>;
}): Promise<void> {
  for (const found of args.ownSignatures) {
    const last = await args.store.head(found.origin);
    const next = headAfter(found, last);
    if (next === undefined) continue;
    if (next === "contradiction" || !args.adoptOwnSignatures) throw rolledBack(found, last);
    const wasApplied = await args.commits.add(updateTo(found, last, next));
    if (!wasApplied) throw new InvariantError("a head changed before the witness was open");
    const message = `${found.origin}: went on from size ${next.treeSize}, which ${found.source} shows that this witness cosigned`;
    args.events.warning({ code: "OWN_SIGNATURE_ADOPTED", message });
  }
}

/** Whether the store lags behind, or contradicts, a signature that this witness made. */
export function isBeyond(found: OwnSignature, last: CosignedHead | undefined): boolean {
  return headAfter(found, last) !== undefined;
}

/** What to tell about a signature beyond the store; made, not thrown. */
export function rolledBack(found: OwnSignature, last: CosignedHead | undefined): TlogError {
  return new TlogError(
    "WITNESS_ROLLED_BACK",
    `${found.origin}: ${found.source} shows this witness's own cosignature of size ${found.treeSize} at ${found.timestampSeconds}, and its store knows ${
      last === undefined ? "none" : `size ${last.treeSize} at ${last.timestampSeconds}`
    } as the newest`,
  );
}

function headAfter(
  { treeSize, rootHash, timestampSeconds, signedNote }: OwnSignature,
  last: CosignedHead | undefined,
): CosignedHead | "contradiction" | undefined {
  const found = { treeSize, rootHash, timestampSeconds, signedNote };
  if (last === undefined) return found;
  const isLater = timestampSeconds > last.timestampSeconds;
  if (treeSize < last.treeSize) return isLater ? "contradiction" : undefined;
  if (treeSize > last.treeSize) return timestampSeconds >= last.timestampSeconds ? found : "contradiction";
  if (!hashesEqual(rootHash, last.rootHash)) return "contradiction";
  return isLater ? found : undefined;
}

function updateTo(found: OwnSignature, expected: CosignedHead | undefined, next: CosignedHead): HeadUpdate {
  const isNewSize = expected === undefined || expected.treeSize < next.treeSize;
  return { origin: found.origin, expected, next, logNote: isNewSize ? found.signedNote : undefined };
}
