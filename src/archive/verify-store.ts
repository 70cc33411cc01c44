/** Everything a store holds of its log, derived anew from the entries and compared. */
import { TlogError } from "../errors.ts";
import { rangeFromStore } from "../log/read-back.ts";
import { emptyRange, rangeRoot } from "../merkle/compact-range.ts";
import type { LmdbReader } from "../store/lmdb.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import { formatTilePath } from "../tlog/tile.ts";
import type { TreeHead } from "./source.ts";
import { openStoreSource } from "./store-source.ts";
import { TileAssembler, type TileWithHashes } from "./tile-assembler.ts";
import { openVerifiedTree } from "./verified-tree.ts";
import { walkLog } from "./walk.ts";

/** How far it is: entries, of how many, and their bytes. */
export interface Verifying {
  readonly entries: number;
  readonly totalEntries: number;
  readonly bytes: number;
}

/**
 * Hashes every entry, compares every tile, and the roots of the integrated, the signed and the published tree. Signatures are left to who has the key.
 * @returns the integrated head.
 * @throws {TlogError} ENTRY_MISMATCH | ROOT_MISMATCH | STORE_DAMAGED | ABORTED, naming what is wrong first
 */
export async function verifyStore(
  store: LmdbReader,
  args: {
    readonly directory: string;
    readonly signal: AbortSignal;
    readonly onProgress?: ((done: Verifying) => void) | undefined;
  },
): Promise<TreeHead> {
  const { directory, signal, onProgress } = args;
  const { integrated, signed, published } = await store.head();
  const head = { treeSize: integrated.treeSize, rootHash: rangeRoot(integrated) };
  const source = openStoreSource(store, directory);
  const tiles = await TileAssembler.at(openVerifiedTree([source], head), 0, signal);
  const assertStored = async ({ tile, hashes }: TileWithHashes): Promise<void> => {
    if (bytesEqual(await source.readTile(tile, signal), hashes)) return;
    throw new TlogError(
      "ROOT_MISMATCH",
      `${directory}: ${formatTilePath(tile)} does not hold the hashes of its entries`,
    );
  };
  let bytes = 0;
  for await (const batch of walkLog({ sources: [source], head, from: emptyRange(), signal })) {
    for (const tile of tiles.append(batch.levels)) await assertStored(tile);
    bytes += batch.entries.bytes.length;
    onProgress?.({ entries: batch.head.treeSize, totalEntries: head.treeSize, bytes });
  }
  for (const tile of tiles.edge()) await assertStored(tile);
  if (signed !== undefined && signed.treeSize > 0) await rangeFromStore(store, signed);
  if (published !== undefined) {
    const { treeSize, rootHash } = parseCheckpoint(decodeUtf8(parseNote(published.checkpoint).text));
    if (treeSize !== published.treeSize) {
      throw new TlogError(
        "STORE_DAMAGED",
        `the published checkpoint is of size ${treeSize}, recorded as ${published.treeSize}`,
      );
    }
    await rangeFromStore(store, { treeSize, rootHash });
  }
  return head;
}
