import { HASH_BYTES, hashesEqualAt } from "../merkle/hash.ts";

/** Two odd numbers nobody else knows: else a caller could make leaves that all want one slot. */
export interface TableSeed {
  readonly low: number;
  readonly high: number;
}

/** @param token - 32 hex digits nobody can guess. */
export function tableSeed(token: string): TableSeed {
  const [low = 0, high = 0] = [token.slice(0, 8), token.slice(8, 16)].map((digits) => wordOf(digits));
  return { low: low + 1 - (low % 2), high: high + 1 - (high % 2) };
}

/**
 * Which leaf of a batch has this hash? Slots by the first 8 bytes, compared on all 32; it lives as long as its batch is not yet
 * found by the store.
 */
export class LeafTable {
  readonly #hashes: Uint8Array;
  readonly #seed: TableSeed;
  readonly #shift: number;
  /** Position of the hash, plus 1; 0: free. At most half of them are taken. */
  readonly #slots: Int32Array; // owned by add()
  /** By position. */
  readonly #leafIndices: Float64Array; // owned by add()

  /** @param hashes - concatenated; kept, not copied. */
  constructor(hashes: Uint8Array, seed: TableSeed) {
    const count = hashes.length / HASH_BYTES;
    const bits = Math.max(2, 33 - Math.clz32(count));
    this.#hashes = hashes;
    this.#seed = seed;
    this.#shift = 32 - bits;
    this.#slots = new Int32Array(2 ** bits);
    this.#leafIndices = new Float64Array(count);
  }

  /** The leaf index of the hash `at` (counted in hashes) of `hashes`, or undefined. */
  find(hashes: Uint8Array, at: number): number | undefined {
    const position = (this.#slots[this.#slotOf(hashes, at * HASH_BYTES)] ?? 0) - 1;
    return position < 0 ? undefined : this.#leafIndices[position];
  }

  /** Adds the table's own hash at `position`, which is not in it yet. */
  add(position: number, leafIndex: number): void {
    this.#slots[this.#slotOf(this.#hashes, position * HASH_BYTES)] = position + 1;
    this.#leafIndices[position] = leafIndex;
  }

  /** Where the hash is, or the free slot it would be put in. */
  #slotOf(hashes: Uint8Array, from: number): number {
    const mixed =
      Math.imul(wordAt(hashes, from), this.#seed.low) + Math.imul(wordAt(hashes, from + 4), this.#seed.high);
    // biome-ignore lint/suspicious/noBitwiseOperators: the upper bits of a 32-bit product, no size and no index.
    let slot = mixed >>> this.#shift;
    for (;;) {
      const held = this.#slots[slot] ?? 0;
      if (held === 0 || hashesEqualAt(this.#hashes, (held - 1) * HASH_BYTES, hashes, from)) return slot;
      slot = slot + 1 === this.#slots.length ? 0 : slot + 1;
    }
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) +
    (bytes[at + 1] ?? 0) * 256 +
    (bytes[at + 2] ?? 0) * 65_536 +
    (bytes[at + 3] ?? 0) * 16_777_216
  );
}

function wordOf(digits: string): number {
  let word = 0;
  for (const digit of digits) word = word * 16 + "0123456789abcdef".indexOf(digit);
  return word;
}
