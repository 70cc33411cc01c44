import { appendHashes, type CompactRange } from "../merkle/compact-range.ts";
import { INNER_HEIGHTS } from "../store/inner-nodes.ts";
import type { LevelAppend } from "../store/store.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";

/** What appending leaves adds to the tree: the head after it, and the hashes each tile level gains. */
export interface Integration {
  readonly range: CompactRange;
  readonly levels: readonly LevelAppend[];
}

/**
 * Appends leaves to a tree known by its compact range. Pure; reads nothing back.
 * Only perfect subtrees whose height is a multiple of 8 are stored (c2sp.org/tlog-tiles, "Merkle Tree"); a tile holds the
 * others implicitly.
 * @param leafHashes - concatenated; not kept.
 */
export function integrate(range: CompactRange, leafHashes: Uint8Array): Integration {
  const { range: after, levels } = appendHashes(range, leafHashes);
  const ofTiles = levels.filter((_, level) => level % TILE_HEIGHT === 0);
  // Hashed anyway, and kept for proofs.
  const inner = INNER_HEIGHTS.map((height) => levels[height] ?? new Uint8Array(0));
  return {
    range: after,
    levels: ofTiles.map((hashes, level) => {
      const append = { level, start: Math.floor(range.treeSize / TILE_WIDTH ** level), hashes };
      return level === 0 ? { ...append, inner } : append;
    }),
  };
}
