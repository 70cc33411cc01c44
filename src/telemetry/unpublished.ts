/** Entries that came together, as far as waiting is concerned. */
interface Mark {
  /** The first of them. */
  readonly from: number;
  readonly atMs: number;
}

/** Marks this close to each other are one. */
const CLOSE_MS = 50;
/** What came later than all of these waits less long than they do, and counts with the last. */
const MAX_MARKS = 4096;

/** Since when entries have been integrated and not published: a few marks, however many entries there are. */
export class Unpublished {
  #marks: readonly Mark[] = []; // owned by found(), integrated() and published()
  #size = 0; // owned by found() and integrated()

  /** What the last process integrated and did not publish waits since this one looks: when it came nobody wrote down. */
  found(
    { integrated, published }: { readonly integrated: number; readonly published: number },
    nowMs: number,
  ): void {
    const [oldest] = this.#marks;
    if ((oldest?.from ?? integrated) <= published) return;
    this.#size = Math.max(this.#size, integrated);
    this.#marks = [{ from: published, atMs: oldest?.atMs ?? nowMs }, ...this.#marks];
  }

  /** @param count - new entries; the tree has `treeSize` with them. */
  integrated(
    { treeSize, count }: { readonly treeSize: number; readonly count: number },
    nowMs: number,
  ): void {
    this.#size = treeSize;
    const last = this.#marks.at(-1);
    const isClose = last !== undefined && nowMs - last.atMs < CLOSE_MS;
    if (count === 0 || isClose || this.#marks.length >= MAX_MARKS) return;
    this.#marks = [...this.#marks, { from: treeSize - count, atMs: nowMs }];
  }

  /** @returns how long the oldest entry waited that readers see now for the first time; undefined: there is none. */
  published(treeSize: number, nowMs: number): number | undefined {
    const [oldest] = this.#marks;
    if (oldest === undefined || oldest.from >= treeSize) return undefined;
    // The last mark before the size stands for what follows it too, until the next one.
    const kept = this.#marks.findLastIndex(({ from }) => from < treeSize);
    const rest = this.#marks.slice(kept + 1);
    const marked = this.#marks[kept];
    const isWhole = treeSize >= (rest[0]?.from ?? this.#size);
    this.#marks = isWhole || marked === undefined ? rest : [{ from: treeSize, atMs: marked.atMs }, ...rest];
    return nowMs - oldest.atMs;
  }

  /** 0: all is published. */
  ageMs(nowMs: number): number {
    const [oldest] = this.#marks;
    return oldest === undefined ? 0 : nowMs - oldest.atMs;
  }
}
