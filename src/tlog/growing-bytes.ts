/** Where buffers come from and go to. */
export interface ByteMemory {
  /** @returns at least `length` bytes, of any content. */
  take(length: number): Uint8Array<ArrayBuffer>;
  /** @param buffer - nobody uses it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void;
}

const FRESH_MEMORY: ByteMemory = { take: (length) => new Uint8Array(length), give: () => undefined };

/**
 * Bytes that arrive in pieces, in one buffer that grows: a million pieces of one byte cost no more than one piece of a
 * million. It takes at most twice what was appended, and for a moment, while it grows, three times.
 */
export class GrowingBytes {
  readonly #memory: ByteMemory;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0); // owned by append() and giveBack()
  #length = 0; // owned by append() and giveBack()

  /** @param memory - by default fresh memory each time. */
  constructor(memory = FRESH_MEMORY) {
    this.#memory = memory;
  }

  /** How many bytes were appended. */
  get length(): number {
    return this.#length;
  }

  /** @param piece - copied. */
  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const larger = this.#memory.take(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes());
      this.#memory.give(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** @returns what was appended; a view, good until the next append. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Gives the memory back, and is empty again. What `bytes` returned is nobody's then. */
  giveBack(): void {
    this.#memory.give(this.#buffer);
    this.#buffer = new Uint8Array(0);
    this.#length = 0;
  }
}
