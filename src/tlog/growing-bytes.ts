/**
 * Bytes that arrive in pieces, in one buffer that grows: a million pieces of one byte cost no more than one piece of a
 * million. It takes at most twice what was appended, and for a moment, while it grows, three times.
 */
export class GrowingBytes {
  #buffer = new Uint8Array(0); // owned by append()
  #length = 0; // owned by append()

  /** How many bytes were appended. */
  get length(): number {
    return this.#length;
  }

  /** @param piece - copied. */
  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
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
