/** Inner nodes of full tiles of leaves, as a store keeps them beside the leaves. Nothing here hashes. spec/storage.md, "Inner nodes" */
import { HASH_BYTES } from "../merkle/hash.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";

/** Which heights are kept; those below are hashed from the 16 leaves of a section, the one above lies in the tile above. */
export const INNER_HEIGHTS: readonly number[] = [4, 5, 6, 7];
/** Leaves under one node of the lowest height that is kept. */
export const SECTION_WIDTH = 16;
/** Of a tile: 16 nodes of height 4, 8 of height 5, 4 of height 6, 2 of height 7. */
export const INNER_BYTES = 30 * HASH_BYTES;

/** Where node `position` of a height begins among the inner nodes of its tile. */
export function innerOffset(height: number, position: number): number {
  return (2 * SECTION_WIDTH - 2 * 2 ** (TILE_HEIGHT - height) + position) * HASH_BYTES;
}

/** The inner nodes of the open tile, as far as they are complete. */
export interface OpenInner {
  /** Sections of the whole tree that were complete then: who appends to another number of them cannot use these. */
  readonly sections: number;
  /** INNER_BYTES, zeroes for what is not complete. */
  readonly nodes: Uint8Array;
}

/** What appending makes of the open tile's inner nodes. */
export interface AppendedInner {
  /** Tiles that became full, side by side. Not the first, when what came before of it is unknown. */
  readonly full: readonly { readonly index: number; readonly nodes: Uint8Array }[];
  /** undefined: nothing is known of the tile that is open then, or nothing of it is complete. */
  readonly open: OpenInner | undefined;
}

/**
 * Sorts inner nodes into their tiles.
 * @param leaves - which were appended: [from, to).
 * @param inner - for each of {@link INNER_HEIGHTS} the nodes that these complete, concatenated.
 */
export function appendInner(
  open: OpenInner | undefined,
  { from, to }: { readonly from: number; readonly to: number },
  inner: readonly Uint8Array[],
): AppendedInner {
  const full: { readonly index: number; readonly nodes: Uint8Array }[] = [];
  const begun = Math.floor(from / SECTION_WIDTH);
  const firstTile = Math.floor(from / TILE_WIDTH);
  for (let index = firstTile; ; index++) {
    const nodes = new Uint8Array(INNER_BYTES);
    if (index === firstTile && begun % SECTION_WIDTH > 0) {
      if (open?.sections === begun) nodes.set(open.nodes);
      else if ((index + 1) * TILE_WIDTH <= to) continue;
      else return { full, open: undefined };
    }
    for (const [at, height] of INNER_HEIGHTS.entries()) {
      const inTile = 2 ** (TILE_HEIGHT - height);
      const added = Math.floor(from / 2 ** height);
      const start = Math.max(index * inTile, added);
      const end = Math.min((index + 1) * inTile, Math.floor(to / 2 ** height));
      if (start >= end) continue;
      const hashes = inner[at]?.subarray((start - added) * HASH_BYTES, (end - added) * HASH_BYTES) ?? [];
      nodes.set(hashes, innerOffset(height, start - index * inTile));
    }
    if ((index + 1) * TILE_WIDTH <= to) {
      full.push({ index, nodes });
      continue;
    }
    const sections = Math.floor(to / SECTION_WIDTH);
    return { full, open: sections % SECTION_WIDTH === 0 ? undefined : { sections, nodes } };
  }
}
