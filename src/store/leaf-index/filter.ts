/**
 * A blocked Bloom filter: most keys that a run does not hold are told so from memory, by one cache line. Blocks follow the order
 * of the keys, so a run that is written in order fills its filter in order too. Who grinds hashes towards one block slows down
 * look-ups of his own hashes only.
 */
import type { Keys } from "./key.ts";

export const BLOCK_BYTES = 64;
const BITS_PER_KEY = 12;
const BITS_PER_BLOCK = 8 * BLOCK_BYTES;
/** Odd: mixes the low word of a key for the second half of its six bits. */
const MIX = 0x9e3779b1;
const TWO_28 = 2 ** 28;

/** How many blocks a filter of `records` keys has. */
export function filterBlocks(records: number): number {
  return Math.max(1, Math.ceil((records * BITS_PER_KEY) / BITS_PER_BLOCK));
}

/**
 * What 28 bits of a key are multiplied with to give its block. Exact: they and at most 24 bits of a count fit a double, and the
 * rest is a power of two.
 */
function blockScale(filter: Uint8Array): number {
  return filter.length / BLOCK_BYTES / TWO_28;
}

function blockStart(scale: number, high: number): number {
  return (((high >>> 4) * scale) | 0) * BLOCK_BYTES;
}

export function addKeys(filter: Uint8Array, { high, low, count }: Keys): void {
  const scale = blockScale(filter);
  for (let at = 0; at < count; at++) {
    const block = blockStart(scale, high[at] ?? 0);
    const word = low[at] ?? 0;
    const mixed = Math.imul(word, MIX) >>> 5;
    setBit(filter, block, word);
    setBit(filter, block, word >>> 9);
    setBit(filter, block, word >>> 18);
    setBit(filter, block, mixed);
    setBit(filter, block, mixed >>> 9);
    setBit(filter, block, mixed >>> 18);
  }
}

/**
 * Of the first `count` keys, those that may have been added: writes their positions. All are asked in one loop without much to
 * guess for the processor, so that it waits for many of the cache lines at once.
 * @returns how many there are.
 */
export function selectKeys(filter: Uint8Array, { high, low, count }: Keys, selected: Uint32Array): number {
  const scale = blockScale(filter);
  let found = 0;
  for (let at = 0; at < count; at++) {
    const word = low[at] ?? 0;
    const block = blockStart(scale, high[at] ?? 0);
    const three =
      bitOf(filter, block, word) & bitOf(filter, block, word >>> 9) & bitOf(filter, block, word >>> 18);
    if (three === 0) continue;
    const mixed = Math.imul(word, MIX) >>> 5;
    const six =
      bitOf(filter, block, mixed) & bitOf(filter, block, mixed >>> 9) & bitOf(filter, block, mixed >>> 18);
    selected[found] = at;
    found += six;
  }
  return found;
}

/** @param bit - its lowest 9 bits count. */
function setBit(filter: Uint8Array, block: number, bit: number): void {
  const at = block + ((bit & 511) >>> 3);
  filter[at] = (filter[at] ?? 0) | (1 << (bit & 7));
}

function bitOf(filter: Uint8Array, block: number, bit: number): number {
  return ((filter[block + ((bit & 511) >>> 3)] ?? 0) >>> (bit & 7)) & 1;
}
