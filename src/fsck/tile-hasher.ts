/**
 * Hashes entries and tiles, one tile after the other, in memory that stays: `merkle/hash.ts` does the same for whoever has a few, and
 * takes half as long again. Views are kept from tile to tile, nothing is copied into place, and digests are written some at once.
 */
import { hash } from "node:crypto";
import { HASH_BYTES, NODE_PREFIX } from "../merkle/hash.ts";
import { type EntryBlock, entryCount } from "../tlog/entry-bundle.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";

const LEAF_PREFIX = 0x00;
const LENGTH_BYTES = 2;
const PAIR_BYTES = 2 * HASH_BYTES;
/** Where the hashes of a tile begin, those of its parents behind them: the byte before the first is room for its prefix. */
const START = HASH_BYTES;
const INNER_START = START + (2 * TILE_WIDTH - 32) * HASH_BYTES;
const ROOT = START + (2 * TILE_WIDTH - 2) * HASH_BYTES;
/** Of a bundle of entries of 256 bytes. A larger one gets more. */
const USUAL_BUNDLE_BYTES = 128 * 1024;

/** The heights of inner nodes that a store keeps, and where those of each begin, in hashes. */
const INNER_HEIGHTS = [
  [4, 0],
  [5, 16],
  [6, 24],
  [7, 28],
] as const;

/** Hashes full tiles in memory of its own. */
export class TileHasher {
  readonly #tree = Buffer.alloc(START + 2 * TILE_WIDTH * HASH_BYTES);
  /** Of each two children, with the byte before them. */
  readonly #pairs = Array.from({ length: TILE_WIDTH - 1 }, (_, pair) => {
    const start = START + pair * PAIR_BYTES;
    return this.#tree.subarray(start - 1, start + PAIR_BYTES);
  });
  #bundle = Buffer.alloc(USUAL_BUNDLE_BYTES); // owned by leafHashes(), as is #entries
  /** Of each entry with the byte before it, as the last bundle had them. */
  #entries: Buffer[] = [];

  /** The leaf hashes of a bundle's entries, in order: `blockLeafHashes`. @param block - of up to 256 entries; copied. */
  leafHashes(block: EntryBlock): Uint8Array {
    this.#take(block);
    let digests = "";
    for (const entry of this.#entries) {
      // The second byte of its length: nobody reads that again.
      entry[0] = LEAF_PREFIX;
      digests += hash("sha256", entry, "binary");
    }
    const hashes = new Uint8Array(digests.length);
    Buffer.from(hashes.buffer).write(digests, "latin1");
    return hashes;
  }

  /** The root above 256 hashes: a copy. */
  root(hashes: Uint8Array): Uint8Array {
    const tree = this.#tree;
    const pairs = this.#pairs;
    tree.set(hashes, START);
    let pair = 0;
    for (let count = TILE_WIDTH / 2; count >= 1; count /= 2) {
      const firstOfNext = pair + count;
      const to = START + 2 * firstOfNext * HASH_BYTES;
      let digests = "";
      for (; pair < firstOfNext; pair++) digests += nodeHashOf(pairs[pair]);
      tree.write(digests, to, "latin1");
    }
    return Uint8Array.from(tree.subarray(ROOT, ROOT + HASH_BYTES));
  }

  /** The inner nodes of the tile that was hashed last, as a store keeps them: of heights 4, 5, 6 and 7. A view. */
  inner(): Uint8Array {
    return this.#tree.subarray(INNER_START, ROOT);
  }

  /** The same of a partial tile: zeroes for nodes that are not complete. */
  openInner(hashes: Uint8Array): Uint8Array {
    const padded = new Uint8Array(TILE_WIDTH * HASH_BYTES);
    padded.set(hashes);
    this.root(padded);
    const nodes = Uint8Array.from(this.inner());
    for (const [height, start] of INNER_HEIGHTS) {
      const complete = Math.floor(hashes.length / HASH_BYTES / 2 ** height);
      nodes.fill(0, (start + complete) * HASH_BYTES, (start + 2 ** (TILE_HEIGHT - height)) * HASH_BYTES);
    }
    return nodes;
  }

  #take(block: EntryBlock): void {
    const { bytes, offsets } = block;
    if (bytes.length > this.#bundle.length) {
      this.#bundle = Buffer.alloc(bytes.length);
      this.#entries = [];
    }
    this.#bundle.set(bytes);
    const count = entryCount(block);
    this.#entries.length = Math.min(count, this.#entries.length);
    for (let at = 0; at < count; at++) {
      const start = (offsets[at] ?? 0) + LENGTH_BYTES - 1;
      const end = offsets[at + 1] ?? 0;
      const before = this.#entries[at];
      // Of entries of one length all lie where those of the bundle before lay.
      if (before?.byteOffset === this.#bundle.byteOffset + start && before.length === end - start) continue;
      this.#entries[at] = this.#bundle.subarray(start, end);
    }
  }
}

/** @param pair - changed and changed back: its first byte is the last of the hash before it. */
function nodeHashOf(pair: Buffer | undefined): string {
  if (pair === undefined) return "";
  const before = pair[0] ?? 0;
  pair[0] = NODE_PREFIX;
  const digest = hash("sha256", pair, "binary");
  pair[0] = before;
  return digest;
}
