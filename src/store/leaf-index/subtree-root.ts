/** The root of a perfect subtree, from the tiles: what a run is known by. */

import { appendHashes, emptyRange, rangeRoot } from "../../merkle/compact-range.ts";
import { TILE_HEIGHT } from "../../tlog/tile.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import type { LeafRange } from "./run-file.ts";

/** RFC 6962 root of leaves [from, to), a power of two of them, `from` a multiple of it. @throws {TlogError} STORE_DAMAGED */
export function subtreeRoot(readHashes: LeafIndexOptions["readHashes"], { from, to }: LeafRange): Uint8Array {
  const height = Math.log2(to - from);
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 2 ** (height % TILE_HEIGHT);
  // The lowest nodes that the tiles keep are themselves the leaves of a tree with the same root.
  const hashes = readHashes({ level, start: from / 2 ** (TILE_HEIGHT * level), count });
  return rangeRoot(appendHashes(emptyRange(), hashes).range);
}
