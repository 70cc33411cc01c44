/**
 * A blocked Bloom filter: most keys that a run does not hold are told so from memory, by one cache line. Blocks follow the order
 * of the keys, so a run that is written in order fills its filter in order too. Who grinds hashes towards one block slows down
 * look-ups of his own hashes only.
 */
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

/** Where the block of a key begins, in bytes. 28 bits of the key times at most 24 of the count: exact in a double. */
function blockStart(filter: Uint8Array, high: number): number {
  return Math.floor(((high >>> 4) * (filter.length / BLOCK_BYTES)) / TWO_28) * BLOCK_BYTES;
}

export function addKey(filter: Uint8Array, high: number, low: number): void {
  const block = blockStart(filter, high);
  const mixed = Math.imul(low, MIX) >>> 5;
  setBit(filter, block, low);
  setBit(filter, block, low >>> 9);
  setBit(filter, block, low >>> 18);
  setBit(filter, block, mixed);
  setBit(filter, block, mixed >>> 9);
  setBit(filter, block, mixed >>> 18);
}

/** False: the key was never added. */
export function mayHaveKey(filter: Uint8Array, high: number, low: number): boolean {
  const block = blockStart(filter, high);
  if (!hasBit(filter, block, low) || !hasBit(filter, block, low >>> 9)) return false;
  if (!hasBit(filter, block, low >>> 18)) return false;
  const mixed = Math.imul(low, MIX) >>> 5;
  return (
    hasBit(filter, block, mixed) && hasBit(filter, block, mixed >>> 9) && hasBit(filter, block, mixed >>> 18)
  );
}

/** @param bit - its lowest 9 bits count. */
function setBit(filter: Uint8Array, block: number, bit: number): void {
  const at = block + ((bit & 511) >>> 3);
  filter[at] = (filter[at] ?? 0) | (1 << (bit & 7));
}

function hasBit(filter: Uint8Array, block: number, bit: number): boolean {
  return (((filter[block + ((bit & 511) >>> 3)] ?? 0) >>> (bit & 7)) & 1) === 1;
}
