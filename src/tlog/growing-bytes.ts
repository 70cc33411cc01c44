/** Who announces a length gets all of it once half of it has come: an announcement alone takes no memory. */
const ANNOUNCED_SHARE = 1 / 2;

/**
 * Bytes that arrive in pieces, in one buffer that grows: a million pieces of one byte cost no more than one piece of a
 * million. It takes at most twice what was appended, and for a moment, while it grows, three times.
 */
export class GrowingBytes {
  readonly #announced: number;
  #buffer = new Uint8Array(0); // owned by append()
  #length = 0; // owned by append()

  /** @param announced - how many bytes are to come, as far as one knows: saves growing more often than needed. */
  constructor(announced = 0) {
    this.#announced = announced;
  }

  /** How many bytes were appended. */
  get length(): number {
    return this.#length;
  }

  /** @param piece - copied. */
  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const isWorthAll = length <= this.#announced && length >= this.#announced * ANNOUNCED_SHARE;
      const larger = new Uint8Array(isWorthAll ? this.#announced : Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes());
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** @returns what was appended; a view, good until the next append. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }
}
