import { HASH_BYTES, parentHashesInto } from "../merkle/hash.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";

/*
 * All nodes of a tile in one piece of memory, the lowest first: 256 of height 0, 128 of height 1, … 2 of height 7. The one above
 * lies in the tile above. A node is the root of a perfect subtree, so it never changes, whatever the tree becomes.
 */

/** The nodes of a full tile. */
export const TILE_NODE_BYTES = (2 * TILE_WIDTH - 2) * HASH_BYTES;

/** Where the nodes of each height begin. */
const STARTS: readonly number[] = Array.from(
  { length: TILE_HEIGHT },
  (_, height) => (2 * TILE_WIDTH - 2 * 2 ** (TILE_HEIGHT - height)) * HASH_BYTES,
);

/** Where node `position` of a height begins. */
export function nodeOffset(height: number, position: number): number {
  return (STARTS[height] ?? 0) + position * HASH_BYTES;
}

/**
 * Hashes up what hashes [from, to) of a tile complete; its nodes below `from` are there already.
 * @param nodes - TILE_NODE_BYTES, hashes [0, to) of height 0 in place.
 */
export function completeNodes(nodes: Uint8Array, from: number, to: number): void {
  for (let height = 1; height < TILE_HEIGHT; height++) {
    const first = Math.floor(from / 2 ** height);
    const pairs = Math.floor(to / 2 ** height) - first;
    parentHashesInto(
      { hashes: nodes, from: nodeOffset(height - 1, 2 * first), pairs },
      nodes,
      nodeOffset(height, first),
    );
  }
}

const scratch = new Uint8Array((TILE_WIDTH / 2) * HASH_BYTES); // Used within one synchronous call.

/**
 * Writes the root of the perfect subtree over `width` hashes of `from`, the first at byte `at`, to out[offset, offset + 32).
 * @param width - a power of two, 256 at most.
 */
export function perfectRootInto(
  { from, at, width }: { readonly from: Uint8Array; readonly at: number; readonly width: number },
  out: Uint8Array,
  offset: number,
): void {
  if (width === 1) {
    copyHash(from, at, out, offset);
    return;
  }
  let pairs = width / 2;
  parentHashesInto({ hashes: from, from: at, pairs }, scratch, 0);
  for (; pairs > 1; pairs /= 2) parentHashesInto({ hashes: scratch, from: 0, pairs: pairs / 2 }, scratch, 0);
  copyHash(scratch, 0, out, offset);
}

/** A loop: `set` wants a view, and 32 bytes are copied sooner than one is made. */
export function copyHash(from: Uint8Array, at: number, out: Uint8Array, offset: number): void {
  for (let byte = 0; byte < HASH_BYTES; byte++) out[offset + byte] = from[at + byte] ?? 0;
}
