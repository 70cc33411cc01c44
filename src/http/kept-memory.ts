import type { ByteMemory } from "../tlog/growing-bytes.ts";

const SMALLEST_BYTES = 65_536;

/**
 * Buffers of large bodies, used again: hundreds of megabytes a second of them would otherwise wait for the garbage collector, and the
 * process keeps what it once took for that. Sizes are powers of two, so that one fits many.
 */
export class KeptMemory implements ByteMemory {
  readonly #maxBytes: number;
  readonly #bySize = new Map<number, Uint8Array<ArrayBuffer>[]>(); // owned by take() and give()
  #keptBytes = 0; // owned by take() and give()

  /** @param maxBytes - how much is kept for later use, at most. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    let size = SMALLEST_BYTES;
    while (size < length) size *= 2;
    const kept = this.#bySize.get(size)?.pop();
    if (kept === undefined) return new Uint8Array(size);
    this.#keptBytes -= size;
    return kept;
  }

  give(buffer: Uint8Array<ArrayBuffer>): void {
    const size = buffer.length;
    if (size < SMALLEST_BYTES || this.#keptBytes + size > this.#maxBytes) return;
    const kept = this.#bySize.get(size) ?? [];
    this.#bySize.set(size, kept);
    kept.push(buffer);
    this.#keptBytes += size;
  }
}
