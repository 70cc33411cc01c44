import { TlogError } from "../errors.ts";
import { type EntryBlock, entryCount } from "../tlog/entry-bundle.ts";

/** Entries that arrived together and are answered together: one for `add`, many for `addBatch`. */
export interface PendingGroup<T> {
  readonly block: EntryBlock;
  /** Of its entries, concatenated. */
  readonly leafHashes: Uint8Array;
  /** Length of the entries together. */
  readonly bytes: number;
  readonly resolve: (result: T) => void;
  readonly reject: (error: unknown) => void;
}

export interface PoolLimits {
  readonly maxPendingEntries: number;
  readonly maxPendingBytes: number;
}

/** Pending entries: in memory, not promised to anyone. Bounded in count and bytes; a full pool refuses, it never waits. */
export class Pool<T> {
  readonly #limits: PoolLimits;
  // Owned by push() and take().
  #groups: PendingGroup<T>[] = [];
  #entries = 0;
  #bytes = 0;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  get size(): { readonly pendingEntries: number; readonly pendingBytes: number } {
    return { pendingEntries: this.#entries, pendingBytes: this.#bytes };
  }

  /** @throws {TlogError} POOL_FULL when so much more does not fit. */
  assertRoom(more: { readonly entries: number; readonly bytes: number }): void {
    const { maxPendingEntries, maxPendingBytes } = this.#limits;
    if (this.#entries + more.entries <= maxPendingEntries && this.#bytes + more.bytes <= maxPendingBytes)
      return;
    const held = `${this.#entries} entries (${this.#bytes} bytes)`;
    throw new TlogError("POOL_FULL", `the log has ${held} waiting; try again shortly`);
  }

  /** @throws {TlogError} POOL_FULL, and the group was not taken. */
  push(group: PendingGroup<T>): void {
    const count = entryCount(group.block);
    this.assertRoom({ entries: count, bytes: group.bytes });
    this.#groups.push(group);
    this.#entries += count;
    this.#bytes += group.bytes;
  }

  /** Takes groups in order of arrival, whole, up to the limits; the first one is taken whatever its size. */
  take(limits: { readonly maxEntries: number; readonly maxBytes: number }): readonly PendingGroup<T>[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (const group of this.#groups) {
      const more = entryCount(group.block);
      if (count > 0 && (entries + more > limits.maxEntries || bytes + group.bytes > limits.maxBytes)) break;
      entries += more;
      bytes += group.bytes;
      count += 1;
    }
    const taken = this.#groups.slice(0, count);
    this.#groups = this.#groups.slice(count);
    this.#entries -= entries;
    this.#bytes -= bytes;
    return taken;
  }
}
