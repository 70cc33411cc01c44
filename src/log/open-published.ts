/** What an opening may show of what was published before it. */
import { TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import type { VerifierKey } from "../tlog/key.ts";
import type { Claimed } from "./claim.ts";
import type { OwnLog } from "./head-sources.ts";
import type { Publication } from "./log.ts";
import type { LogOptions } from "./options.ts";
import { rangeFromStore } from "./read-back.ts";

type Found = Pick<Claimed, "head" | "verified"> & {
  /** What a public place of the log shows. */
  readonly servedSize: number;
};

export interface OpenedPublished {
  /** The last checkpoint that storage has as published. */
  readonly recorded: Publication | undefined;
  /**
   * The same, when it may be shown; undefined when a later one may have been shown: then nothing is, before there is a checkpoint
   * of all that is integrated. spec/decisions/0032
   */
  readonly published: Publication | undefined;
}

/**
 * The last published checkpoint: signed by the given keys, and of the tree that storage holds.
 * @throws {TlogError} STORE_DAMAGED | STORE_ORIGIN_MISMATCH
 */
export async function openPublished(
  options: Pick<LogOptions, "store" | "witnesses" | "events">,
  found: Found,
  { origin, keys }: OwnLog,
): Promise<OpenedPublished> {
  const row = found.head.published;
  if (row === undefined) return { recorded: undefined, published: undefined };
  const { checkpoint } = row;
  const { treeSize, rootHash } = await openOwnCheckpoint(checkpoint, keys.at(row.treeSize), origin);
  if (treeSize !== row.treeSize) {
    throw new TlogError(
      "STORE_DAMAGED",
      `the published checkpoint is of size ${treeSize}, recorded as ${row.treeSize}`,
    );
  }
  await rangeFromStore(options.store, { treeSize, rootHash });
  const recorded = { treeSize, rootHash, checkpoint };
  if (treeSize < shownUpTo(options, found)) return { recorded, published: undefined };
  warnOfLater(options, { shown: treeSize, signed: found.verified.treeSize });
  return { recorded, published: recorded };
}

/** The largest tree of which a checkpoint may have been shown, as far as storage, guard and the log's public places can tell. */
function shownUpTo(
  { witnesses }: Pick<LogOptions, "witnesses">,
  { head, verified, servedSize }: Found,
): number {
  if (head.published?.mayTrail === true) return head.integrated.treeSize;
  // With witnesses a head that is signed and not recorded as published is, but in a copy, one that waited for its quorum.
  return witnesses === undefined ? verified.treeSize : servedSize;
}

/** A crash between signing and publishing leaves the same as a copy that was made then, and only a copy may lack what was shown. */
function warnOfLater(
  { events }: Pick<LogOptions, "events">,
  { shown, signed }: { readonly shown: number; readonly signed: number },
): void {
  if (signed <= shown) return;
  events.warning?.({
    code: "CHECKPOINT_MAY_GO_BACK",
    message: `size ${signed} was signed, and size ${shown} is shown until a quorum cosigns more: if this data directory is a restored copy, somebody may have seen a later checkpoint than that`,
  });
}

async function openOwnCheckpoint(signedNote: Uint8Array, logKeys: readonly VerifierKey[], origin: string) {
  try {
    return await openCheckpoint({ signedNote, logKeys });
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    throw new TlogError(
      "STORE_ORIGIN_MISMATCH",
      `the data directory's last checkpoint was not signed by the given key of ${origin} (${error.code})`,
      { cause: error },
    );
  }
}
