import { appendLeaves, type CompactRange } from "../merkle/compact-range.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { LevelAppend } from "../store/store.ts";
import { TILE_HEIGHT } from "../tlog/tile.ts";

/** What appending leaves adds to the tree: the head after it, and the hashes each tile level gains. */
export interface Integration {
  readonly range: CompactRange;
  readonly levels: readonly LevelAppend[];
}

/**
 * Appends leaves to a tree known by its compact range. Pure; reads nothing back.
 * Only perfect subtrees whose height is a multiple of 8 are stored (c2sp.org/tlog-tiles, "Merkle Tree"); a tile holds the
 * others implicitly.
 */
export function integrate(range: CompactRange, leafHashes: readonly Uint8Array[]): Integration {
  const levels: { start: number; hashes: Uint8Array[] }[] = [];
  const after = appendLeaves(range, leafHashes, (node, hash) => {
    if (node.level % TILE_HEIGHT !== 0) return;
    const level = node.level / TILE_HEIGHT;
    levels[level] ??= { start: node.index, hashes: [] };
    levels[level].hashes.push(hash);
  });
  return {
    range: after,
    levels: levels.map(({ start, hashes }, level) => ({ level, start, hashes: concatHashes(hashes) })),
  };
}

function concatHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, index) => {
    bytes.set(hash, index * HASH_BYTES);
  });
  return bytes;
}
