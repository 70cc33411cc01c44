import { TlogError } from "../errors.ts";
import { HASH_BYTES, hashesEqualAt, hashMemory, parentHashesInto, writeParents } from "../merkle/hash.ts";
import { INNER_HEIGHTS, innerOffset, SECTION_WIDTH } from "../store/inner-nodes.ts";
import type { TileSection } from "../store/store.ts";
import { TILE_HEIGHT } from "../tlog/tile.ts";
import { copyHash } from "./tile-nodes.ts";

/*
 * Full tiles of leaves whose inner nodes are stored. They are derived data, and nothing in the tree depends on them: all that is used
 * of them, and of the leaves below, is hashed up to the root of the tile, which is a hash of the tile above. Nodes that do not fit are
 * as good as none: the leaves alone tell whether the tile is damaged.
 */

/** A hash among others. */
export interface HashAt {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** Leaves of a section, and the nodes above them up to its root. */
const SECTION_NODES = 2 * SECTION_WIDTH - 1;
const SECTION_HEIGHT = Math.log2(SECTION_WIDTH);
const SECTION_ROOT = SECTION_NODES - 1;

// Used within one synchronous call. Behind the section's root is room for the sibling of what is hashed up.
const memory = hashMemory(SECTION_NODES + 1);

/**
 * Writes the siblings on the way from a leaf to the perfect subtree of `height` above it, at most to the root of its tile, to
 * out[0, 32 * height). Costs 19 hashes, and whatever is written is proven by them.
 * @param root - of the leaf's tile.
 * @returns false when the leaves and the nodes do not hash to the root: what was written is of no use then.
 */
export function writeSectionSiblings(
  of: {
    readonly section: TileSection;
    readonly leafIndex: number;
    readonly height: number;
    readonly root: HashAt;
  },
  out: Uint8Array,
): boolean {
  const { section, leafIndex, height, root } = of;
  openSection(section.leaves, 0);
  let position = leafIndex % SECTION_WIDTH;
  for (let level = 0; level < Math.min(height, SECTION_HEIGHT); level++) {
    copyHash(memory.bytes, sectionOffset(level, siblingOf(position)), out, level * HASH_BYTES);
    position = Math.floor(position / 2);
  }
  position = Math.floor(leafIndex / SECTION_WIDTH) % SECTION_WIDTH;
  for (const level of INNER_HEIGHTS) {
    const sibling = innerOffset(level, siblingOf(position));
    if (level < height) copyHash(section.nodes, sibling, out, level * HASH_BYTES);
    // Left and right: what has been hashed so far, and its sibling.
    const end = SECTION_NODES * HASH_BYTES;
    if (position % 2 === 1) copyHash(memory.bytes, end - HASH_BYTES, memory.bytes, end);
    copyHash(section.nodes, sibling, memory.bytes, position % 2 === 1 ? end - HASH_BYTES : end);
    writeParents(memory, { from: SECTION_ROOT, pairs: 1, to: SECTION_ROOT });
    position = Math.floor(position / 2);
  }
  return hashesEqualAt(memory.bytes, SECTION_ROOT * HASH_BYTES, root.bytes, root.at);
}

/** Whether these are the inner nodes of the tile that has this root, all of them. */
export function areInnerNodes(nodes: Uint8Array, root: HashAt): boolean {
  return INNER_HEIGHTS.every((height) => {
    const pairs = 2 ** (TILE_HEIGHT - height - 1);
    parentHashesInto({ hashes: nodes, from: innerOffset(height, 0), pairs }, memory.bytes, 0);
    const isTop = height === TILE_HEIGHT - 1;
    const stored = isTop ? root : { bytes: nodes, at: innerOffset(height + 1, 0) };
    for (let at = 0; at < pairs * HASH_BYTES; at += HASH_BYTES) {
      if (!hashesEqualAt(memory.bytes, at, stored.bytes, stored.at + at)) return false;
    }
    return true;
  });
}

/** A tile for those who need many nodes of it. */
export class StoredTile {
  readonly #index: number;
  readonly #leaves: Uint8Array;
  readonly #nodes: Uint8Array;
  readonly #sections: (Uint8Array | undefined)[] = []; // owned by hashInto()

  /**
   * @param tile - the leaves, of which each section is compared with the inner nodes as it is needed, and these, for which
   *   {@link areInnerNodes} holds.
   */
  constructor(tile: { index: number; leaves: Uint8Array; nodes: Uint8Array }) {
    this.#index = tile.index;
    this.#leaves = tile.leaves;
    this.#nodes = tile.nodes;
  }

  /** Writes a node of the tile to out[offset, offset + 32). @throws {TlogError} STORE_DAMAGED: the leaves below it are. */
  hashInto(
    { height, position }: { readonly height: number; readonly position: number },
    out: Uint8Array,
    offset: number,
  ): void {
    if (height >= SECTION_HEIGHT) {
      copyHash(this.#nodes, innerOffset(height, position), out, offset);
      return;
    }
    const inSection = SECTION_WIDTH / 2 ** height;
    const section = Math.floor(position / inSection);
    const nodes = this.#sections[section] ?? this.#open(section);
    copyHash(nodes, sectionOffset(height, position % inSection), out, offset);
  }

  #open(section: number): Uint8Array {
    openSection(this.#leaves, section * SECTION_WIDTH * HASH_BYTES);
    const stored = innerOffset(SECTION_HEIGHT, section);
    if (!hashesEqualAt(memory.bytes, SECTION_ROOT * HASH_BYTES, this.#nodes, stored)) {
      throw damagedTile(this.#index);
    }
    const nodes = memory.bytes.slice(0, SECTION_NODES * HASH_BYTES);
    this.#sections[section] = nodes;
    return nodes;
  }
}

/** Hashes the section whose leaves begin at byte `at` up to its root. */
function openSection(leaves: Uint8Array, at: number): void {
  memory.bytes.set(leaves.subarray(at, at + SECTION_WIDTH * HASH_BYTES));
  for (let height = 1; height <= SECTION_HEIGHT; height++) {
    const pairs = SECTION_WIDTH / 2 ** height;
    writeParents(memory, { from: sectionStart(height - 1), pairs, to: sectionStart(height) });
  }
}

function sectionOffset(height: number, position: number): number {
  return (sectionStart(height) + position) * HASH_BYTES;
}

/** How many nodes of a section lie below a height. */
function sectionStart(height: number): number {
  return 2 * SECTION_WIDTH - (2 * SECTION_WIDTH) / 2 ** height;
}

function siblingOf(position: number): number {
  return position % 2 === 0 ? position + 1 : position - 1;
}

export function damagedTile(index: number): TlogError {
  return new TlogError("STORE_DAMAGED", `tile level 0 index ${index}: its leaves do not hash to its root`);
}
