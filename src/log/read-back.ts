import { TlogError } from "../errors.ts";
import type { GuardedHead } from "../keys/guard.ts";
import { type CompactRange, peakCoordinates, rangeRoot } from "../merkle/compact-range.ts";
import { HASH_BYTES, hashesEqual } from "../merkle/hash.ts";
import type { LogReader, StoreHead } from "../store/store.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { type ReadTile, readNodes } from "../tlog/tile-reader.ts";
import { integrate } from "./integrate.ts";
import { tilesOf } from "./prove.ts";
import { EntryReadBack } from "./read-back-entries.ts";
import { nextTurn } from "./turns.ts";

/** Some two thousand leaves, their nodes hashed in a millisecond or two. */
const TILES_PER_SLICE = 8;

/**
 * Extends a verified tree by the leaves that storage gives back for [verified.treeSize, treeSize): their entries are hashed again and
 * compared with them, and so is every higher tile hash they complete. What gets signed is the root of this range, so a head
 * that memory and storage disagree on is never signed, nor one over an entry that storage has otherwise.
 * @throws {TlogError} STORE_DAMAGED naming the first entry or tile that does not fit.
 */
export async function readBack(from: {
  readonly store: LogReader;
  readonly verified: CompactRange;
  readonly treeSize: number;
}): Promise<CompactRange> {
  const readTile = tilesOf(from.store);
  const entries = new EntryReadBack(from.store);
  let range = from.verified;
  for (let tiles = 1; range.treeSize < from.treeSize; tiles++) {
    const index = Math.floor(range.treeSize / TILE_WIDTH);
    const width = Math.min(from.treeSize - index * TILE_WIDTH, TILE_WIDTH);
    const tile = await readTile({ level: 0, index, width });
    const leafHashes = tile.subarray((range.treeSize % TILE_WIDTH) * HASH_BYTES);
    await entries.assertMatch({ start: range.treeSize, leafHashes });
    const { range: extended, levels } = integrate(range, leafHashes);
    for (const { level, start, hashes } of levels.slice(1))
      await compareStored(readTile, { level, start, hash: hashes });
    range = extended;
    // Others have a turn: a head may be of many thousand leaves.
    if (tiles % TILES_PER_SLICE === 0) await nextTurn();
  }
  return range;
}

/**
 * Rebuilds the compact range of a tree from the stored tiles on its right edge.
 * @throws {TlogError} STORE_DAMAGED when it does not hash to `rootHash`.
 */
export async function rangeFromStore(
  store: LogReader,
  head: { readonly treeSize: number; readonly rootHash: Uint8Array },
): Promise<CompactRange> {
  const range = await rangeAt(store, head.treeSize);
  if (!hashesEqual(rangeRoot(range), head.rootHash)) {
    throw new TlogError(
      "STORE_DAMAGED",
      `the stored tiles do not hash to the root recorded for tree size ${head.treeSize}`,
    );
  }
  return range;
}

/** The compact range of the stored tree at a size it has reached. @throws {TlogError} STORE_DAMAGED when a tile is missing */
export async function rangeAt(store: LogReader, treeSize: number): Promise<CompactRange> {
  return { treeSize, peaks: await readNodes(peakCoordinates(treeSize), treeSize, tilesOf(store)) };
}

/**
 * What storage can say for the guard's head. The guard comes first, so after a crash storage may not record the head that was signed
 * last: then its tree at that size speaks, and claiming compares the roots. A tree that has less than was signed has nothing to say.
 */
export async function vouchedHead(
  store: LogReader,
  { integrated, signed }: StoreHead,
  guarded: GuardedHead | undefined,
): Promise<GuardedHead | undefined> {
  if (guarded === undefined || guarded.treeSize === signed?.treeSize) return signed;
  if (guarded.treeSize > integrated.treeSize) return signed;
  const { treeSize } = guarded;
  const rootHash = rangeRoot(await rangeAt(store, treeSize));
  const isAhead = signed === undefined || treeSize > signed.treeSize;
  return isAhead || !hashesEqual(rootHash, guarded.rootHash) ? { treeSize, rootHash } : signed;
}

async function compareStored(
  readTile: ReadTile,
  { level, start, hash }: { readonly level: number; readonly start: number; readonly hash: Uint8Array },
): Promise<void> {
  // 256 leaves or fewer were added, so a higher level gains at most one hash.
  const index = Math.floor(start / TILE_WIDTH);
  const width = (start % TILE_WIDTH) + 1;
  const tile = await readTile({ level, index, width });
  if (!hashesEqual(tile.subarray((width - 1) * HASH_BYTES), hash)) {
    throw new TlogError(
      "STORE_DAMAGED",
      `tile level ${level} index ${index}: hash ${width - 1} is not the root of its leaves`,
    );
  }
}
