import { HASH_BYTES } from "../merkle/hash.ts";
import { TILE_HEIGHT } from "../tlog/tile.ts";
import { nodeOffset, perfectRootInto } from "./tile-nodes.ts";

/** Which heights of a tile's nodes are kept. */
interface Layout {
  readonly heights: readonly number[];
  /** Where the nodes of each kept height begin in a summary; undefined for the others. */
  readonly starts: readonly (number | undefined)[];
  readonly bytes: number;
}

/**
 * From fine to coarse. With heights 4 and 6 the eight siblings of a leaf cost 13 hashes, 27 with 5 and 7, 58 with 6, 120 with 7,
 * and 247 without any.
 */
const LAYOUTS: readonly Layout[] = [[4, 6], [5, 7], [6], [7]].map(layoutOf);
const SLOTS_PER_SLAB = 256;

/** Some tiles' summaries, and which tiles they are of. */
interface Slab {
  readonly tiles: Float64Array;
  readonly bytes: Uint8Array;
}

/**
 * A few nodes of every full tile of level 0, so that what lies between them is hashed from few instead of from 256. Memory is
 * taken as tiles come, and never more than was allowed: as a log outgrows it, fewer heights are kept of each tile; one that
 * outgrows the coarsest layout has tiles that share a place, and the last one that came has it. Where tiles are asked for at random
 * that does as well as any other choice, and it needs no list.
 */
export class TileSummaries {
  readonly #maxBytes: number;
  #layout = 0; // owned by fit(), as is the next
  #slots: number;
  readonly #slabs: (Slab | undefined)[] = []; // owned by keep() and fit()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#slots = this.#slotsOf(0);
  }

  /** Chooses the finest layout that has a place for each of `tiles`; what another one held is dropped. */
  fit(tiles: number): void {
    while (tiles > this.#slots && this.#layout < LAYOUTS.length - 1) {
      this.#layout += 1;
      this.#slots = this.#slotsOf(this.#layout);
      this.#slabs.length = 0;
    }
  }

  /** The summary of a tile, or undefined. A copy: whoever waits between two looks at it must not find another tile's. */
  of(tile: number): Summary | undefined {
    const layout = LAYOUTS[this.#layout];
    const slot = tile % this.#slots;
    const slab = this.#slabs[Math.floor(slot / SLOTS_PER_SLAB)];
    const place = slot % SLOTS_PER_SLAB;
    if (layout === undefined || slab?.tiles[place] !== tile) return undefined;
    return new Summary(layout, slab.bytes.slice(place * layout.bytes, (place + 1) * layout.bytes));
  }

  /** @param nodes - all nodes of the full tile; copied. */
  keep(tile: number, nodes: Uint8Array): void {
    const layout = LAYOUTS[this.#layout];
    if (layout === undefined || this.#slots === 0) return;
    const slot = tile % this.#slots;
    const at = Math.floor(slot / SLOTS_PER_SLAB);
    const slab = this.#slabs[at] ?? {
      tiles: new Float64Array(SLOTS_PER_SLAB).fill(-1),
      bytes: new Uint8Array(SLOTS_PER_SLAB * layout.bytes),
    };
    this.#slabs[at] = slab;
    const place = slot % SLOTS_PER_SLAB;
    for (const height of layout.heights) {
      const end = nodeOffset(height, 2 ** (TILE_HEIGHT - height));
      slab.bytes.set(
        nodes.subarray(nodeOffset(height, 0), end),
        place * layout.bytes + (layout.starts[height] ?? 0),
      );
    }
    slab.tiles[place] = tile;
  }

  /** Whole slabs, so that the sum of them is what was allowed. */
  #slotsOf(layout: number): number {
    const slabBytes = SLOTS_PER_SLAB * (8 + (LAYOUTS[layout]?.bytes ?? 0));
    return Math.floor(this.#maxBytes / slabBytes) * SLOTS_PER_SLAB;
  }
}

/** A tile's kept nodes. */
export class Summary {
  readonly #layout: Layout;
  readonly #bytes: Uint8Array;

  constructor(layout: Layout, bytes: Uint8Array) {
    this.#layout = layout;
    this.#bytes = bytes;
  }

  /**
   * Writes a node of the tile to out[offset, offset + 32).
   * @param leaves - the tile's 256 hashes, for nodes below the lowest height that is kept.
   */
  hashInto(
    { height, position }: { readonly height: number; readonly position: number },
    leaves: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void {
    let below = height;
    while (below > 0 && this.#layout.starts[below] === undefined) below -= 1;
    const width = 2 ** (height - below);
    const start = this.#layout.starts[below];
    const from = start === undefined ? leaves : this.#bytes;
    perfectRootInto({ from, at: (start ?? 0) + position * width * HASH_BYTES, width }, out, offset);
  }
}

function layoutOf(heights: readonly number[]): Layout {
  const starts: (number | undefined)[] = [];
  let bytes = 0;
  for (const height of heights) {
    starts[height] = bytes;
    bytes += 2 ** (TILE_HEIGHT - height) * HASH_BYTES;
  }
  return { heights, starts, bytes };
}
