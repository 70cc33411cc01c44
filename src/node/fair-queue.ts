/**
 * What waits, in lanes that are served in turn: however long one lane is, the first of every other lane waits for at most one
 * of it.
 */
export class FairQueue<T> {
  // No lane is empty; the one whose turn is next stands first.
  readonly #lanes = new Map<string, T[]>(); // owned by push(), shift() and dropNewest()
  #length = 0; // in all lanes

  get length(): number {
    return this.#length;
  }

  push(lane: string, item: T): void {
    const items = this.#lanes.get(lane) ?? [];
    this.#lanes.set(lane, items);
    items.push(item);
    this.#length += 1;
  }

  /** Takes out the first of the lane whose turn it is; that lane is then the last. */
  shift(): T | undefined {
    const [lane, items] = this.#lanes.entries().next().value ?? [];
    if (lane === undefined || items === undefined) return undefined;
    this.#lanes.delete(lane);
    const item = items.shift();
    if (items.length > 0) this.#lanes.set(lane, items);
    this.#length -= 1;
    return item;
  }

  /** Takes out the newest of the longest lane: of `lane`, where several are as long. */
  dropNewest(lane: string): T | undefined {
    let longest = lane;
    for (const other of this.#lanes.keys()) {
      if (this.#lengthOf(other) > this.#lengthOf(longest)) longest = other;
    }
    const item = this.#lanes.get(longest)?.pop();
    if (item === undefined) return undefined;
    if (this.#lengthOf(longest) === 0) this.#lanes.delete(longest);
    this.#length -= 1;
    return item;
  }

  #lengthOf(lane: string): number {
    return this.#lanes.get(lane)?.length ?? 0;
  }
}
