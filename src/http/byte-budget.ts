/** A shared allowance of bytes, so that many requests together cannot hold more memory than one number says. */
export class ByteBudget {
  readonly #maxBytes: number;
  // Written by take and give only.
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns false, taking nothing, when the allowance does not cover `bytes` more. */
  take(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#maxBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}
