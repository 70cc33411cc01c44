/** Reads four runs side by side, in the order of their keys, for the run that takes their place. */
import { read } from "node:fs";
import { promisify } from "node:util";
import { wordsOf } from "./key.ts";
import type { Run } from "./run.ts";
import { PAGE_BYTES, PAGE_HEADER_BYTES, RECORD_BYTES, RECORDS_PER_PAGE } from "./run-format.ts";
import type { PageColumns, RunSink } from "./run-writer.ts";

/** How many runs are merged into one. */
export const MERGE_WIDTH = 4;

const readFile = promisify(read);
const PAGES_PER_READ = 32;
/** Places of a run in the columns: what is read at once, and one for END. */
const STRETCH = PAGES_PER_READ * RECORDS_PER_PAGE + 1;
/** Behind every key there is. */
const END = 2 ** 53;
/** A key's first 53 bits are its high word times this, and the first 21 bits of its low one. */
const LOW_PART = 2 ** 21;

/** What is read and not yet written. Each run has its own stretch of the columns. */
interface Heads {
  /** The first 53 bits of a key, as one number that compares fast. */
  readonly order: Float64Array;
  readonly low: Uint32Array;
  /** leaf index - `from` of the new run. */
  readonly offset: Uint32Array;
  /** By run: its next place, and where what was read of it ends. */
  readonly next: Uint32Array;
  readonly end: Uint32Array;
}

/**
 * Adds all records of four neighbouring runs. @param runs - in the order of their leaves, so that of equal keys the smaller leaf
 * comes first.
 * @param options.from - the first leaf of the new run. @param options.signal - ends it, by throwing.
 * @throws {TlogError} STORE_DAMAGED: then `isDamaged` of that run.
 */
export async function mergeInto(
  sink: RunSink,
  runs: readonly Run[],
  { from, signal }: { readonly from: number; readonly signal: AbortSignal },
): Promise<void> {
  const heads = emptyHeads();
  const readers = runs.map((run, place) => new Reader(run, { heads, place, shift: run.from - from }));
  let held = 0;
  for (;;) {
    for (const reader of readers) if (reader.isEmpty && !reader.isDone) await reader.fill();
    held = advance(heads, sink.columns, held);
    const isDone = readers.every((reader) => reader.isDone);
    if (held === RECORDS_PER_PAGE || (isDone && held > 0)) {
      sink.endPage(held);
      held = 0;
    }
    if (isDone) return;
    if (!sink.isFull) continue;
    signal.throwIfAborted();
    await sink.flush();
  }
}

/** Moves records until the page is full, something must be read or all is done. @returns how many the page has. */
function advance(heads: Heads, page: PageColumns, held: number): number {
  const { order, low, offset, next, end } = heads;
  // Two pairs, and the winner of both: only the pair that the last record came from is looked at again.
  let left = earlier(heads, 0, 1);
  let right = earlier(heads, 2, 3);
  for (let count = held; count < RECORDS_PER_PAGE; ) {
    const run = earlier(heads, left, right);
    const place = next[run] ?? 0;
    const key = order[place] ?? END;
    if (key === END) return count;
    page.high[count] = Math.floor(key / LOW_PART);
    page.low[count] = low[place] ?? 0;
    page.offset[count] = offset[place] ?? 0;
    count += 1;
    next[run] = place + 1;
    if (place + 1 === end[run]) return count;
    if (run < 2) left = earlier(heads, 0, 1);
    else right = earlier(heads, 2, 3);
  }
  return RECORDS_PER_PAGE;
}

/** Which of two runs has the next record. Of equal keys the one of the earlier leaves, which is `a`. */
function earlier({ order, low, next }: Heads, a: number, b: number): number {
  const atA = next[a] ?? 0;
  const atB = next[b] ?? 0;
  const keyA = order[atA] ?? END;
  const keyB = order[atB] ?? END;
  if (keyA !== keyB) return keyA < keyB ? a : b;
  return (low[atA] ?? 0) <= (low[atB] ?? 0) ? a : b;
}

function emptyHeads(): Heads {
  return {
    order: new Float64Array(MERGE_WIDTH * STRETCH),
    low: new Uint32Array(MERGE_WIDTH * STRETCH),
    offset: new Uint32Array(MERGE_WIDTH * STRETCH),
    next: new Uint32Array(MERGE_WIDTH),
    end: new Uint32Array(MERGE_WIDTH),
  };
}

/** Fills a run's stretch, from its first record to its last. */
class Reader {
  readonly #run: Run;
  readonly #heads: Heads;
  readonly #place: number;
  readonly #shift: number;
  readonly #bytes = new Uint8Array(PAGES_PER_READ * PAGE_BYTES);
  #page = 0; // the next to be read; owned by fill()

  constructor(
    run: Run,
    { heads, place, shift }: { readonly heads: Heads; readonly place: number; readonly shift: number },
  ) {
    this.#run = run;
    this.#heads = heads;
    this.#place = place;
    this.#shift = shift;
  }

  get isEmpty(): boolean {
    return this.#heads.next[this.#place] === this.#heads.end[this.#place];
  }

  /** Whether all its records were taken. */
  get isDone(): boolean {
    return this.isEmpty && this.#page === this.#run.layout.pages;
  }

  /** Reads on. Afterwards there is a record at its place, or END. */
  async fill(): Promise<void> {
    const { layout } = this.#run;
    const pages = Math.min(PAGES_PER_READ, layout.pages - this.#page);
    const held = await this.#read(pages * PAGE_BYTES);
    const first = this.#place * STRETCH;
    let end = first;
    for (let page = 0; page < pages; page++) {
      const bytes = this.#bytes.subarray(page * PAGE_BYTES, Math.min(held, (page + 1) * PAGE_BYTES));
      const words = wordsOf(bytes);
      this.#run.assertPage(this.#page + page, bytes, words);
      end = decodePage(words, this.#heads, {
        start: end,
        count: this.#run.recordsIn(this.#page + page),
        shift: this.#shift,
      });
    }
    this.#page += pages;
    this.#heads.order[end] = END;
    this.#heads.next[this.#place] = first;
    this.#heads.end[this.#place] = end;
  }

  /** @returns how many bytes there were: fewer when the file is cut off. */
  async #read(length: number): Promise<number> {
    const start = (1 + this.#page) * PAGE_BYTES;
    let held = 0;
    while (held < length) {
      const { descriptor } = this.#run;
      const reading = readFile(descriptor, this.#bytes, held, length - held, start + held);
      const { bytesRead } = await reading.catch((error: unknown) => {
        throw this.#run.unreadable(error);
      });
      if (bytesRead === 0) break;
      held += bytesRead;
    }
    return held;
  }
}

/** Writes the records of a page to the columns from `start` on. @returns where they end. */
function decodePage(
  words: DataView,
  { order, low, offset }: Heads,
  { start, count, shift }: { readonly start: number; readonly count: number; readonly shift: number },
): number {
  for (let record = 0, at = PAGE_HEADER_BYTES; record < count; record++, at += RECORD_BYTES) {
    const lowWord = words.getUint32(at + 4);
    order[start + record] = words.getUint32(at) * LOW_PART + (lowWord >>> 11);
    low[start + record] = lowWord;
    offset[start + record] = words.getUint32(at + 8) + shift;
  }
  return start + count;
}
