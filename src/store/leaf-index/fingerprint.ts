/** Whether two passes, in whatever order, saw the same pairs of key and leaf: compared by a sum, so neither has to be kept. */

/** Two sums of 32 bits, each of a mixture of the pair with a number that nobody knows before: equal by chance once in 2^64. */
export class Fingerprint {
  readonly #seedA: number;
  readonly #seedB: number;
  #sumA = 0; // owned by add(), as is #sumB
  #sumB = 0;

  constructor({ a, b }: { readonly a: number; readonly b: number }) {
    this.#seedA = a;
    this.#seedB = b;
  }

  /** @param high - of the key, as is `low`; all of 32 bits. */
  add(high: number, low: number, leaf: number): void {
    this.#sumA = (this.#sumA + mixed(high, low, leaf, this.#seedA)) | 0;
    this.#sumB = (this.#sumB + mixed(high, low, leaf, this.#seedB)) | 0;
  }

  equals(other: Fingerprint): boolean {
    return this.#sumA === other.#sumA && this.#sumB === other.#sumB;
  }
}

function mixed(high: number, low: number, leaf: number, seed: number): number {
  let mix = Math.imul(high ^ seed, 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13) ^ low, 0xc2b2ae35);
  mix = Math.imul(mix ^ (mix >>> 16) ^ leaf, 0x27d4eb2f);
  mix = Math.imul(mix ^ (mix >>> 15) ^ seed, 0x165667b1);
  return mix ^ (mix >>> 13);
}
