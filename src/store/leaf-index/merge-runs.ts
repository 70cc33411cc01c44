/** Reads several runs side by side, in the order of their keys, for the run that takes their place. */
import { read } from "node:fs";
import { promisify } from "node:util";
import { wordsOf } from "./key.ts";
import type { Run } from "./run.ts";
import { PAGE_BYTES, PAGE_HEADER_BYTES, RECORD_BYTES, RECORDS_PER_PAGE } from "./run-format.ts";
import type { RunSink } from "./run-writer.ts";

const readFile = promisify(read);
const PAGES_PER_READ = 32;
/** Behind every key there is. */
const END = 2 ** 53;

/**
 * Adds all records of neighbouring runs. @param runs - in the order of their leaves, so that of equal keys the smaller leaf comes
 * first.
 * @param options.from - the first leaf of the new run. @param options.signal - ends it, by throwing.
 * @throws {TlogError} STORE_DAMAGED: then `isDamaged` of that run.
 */
export async function mergeInto(
  sink: RunSink,
  runs: readonly Run[],
  { from, signal }: { readonly from: number; readonly signal: AbortSignal },
): Promise<void> {
  const cursors = runs.map((run) => new Cursor(run, run.from - from));
  for (const cursor of cursors) await cursor.fill();
  while (advance(sink, cursors) === "more") {
    signal.throwIfAborted();
    if (sink.isFull) await sink.flush();
    for (const one of cursors) if (one.isEmpty) await one.fill();
  }
}

/** Moves records until something must be read or written. */
function advance(sink: RunSink, cursors: readonly Cursor[]): "done" | "more" {
  for (;;) {
    let least: Cursor | undefined;
    for (const cursor of cursors) {
      if (least === undefined || cursor.isBefore(least)) least = cursor;
    }
    if (least === undefined || least.order === END) return "done";
    sink.add(least.high, least.low, least.offset);
    least.next();
    if (sink.isFull || least.isEmpty) return "more";
  }
}

/** One run, read from its first record to its last. */
class Cursor {
  /** The key's first 53 bits, as one number that compares fast; END behind the last record. */
  order = END;
  high = 0; // of the record it stands at, as all below; owned by next() and fill()
  low = 0;
  offset = 0;
  isEmpty = true;
  readonly #run: Run;
  readonly #shift: number;
  readonly #bytes = new Uint8Array(PAGES_PER_READ * PAGE_BYTES);
  readonly #words = wordsOf(this.#bytes);
  #page = 0; // the next to be read
  #at = 0;
  #end = 0;
  #left: number; // records not yet passed
  #inPage = 0;

  constructor(run: Run, shift: number) {
    this.#run = run;
    this.#shift = shift;
    this.#left = run.records;
  }

  isBefore(other: Cursor): boolean {
    return this.order === other.order ? this.order !== END && this.low < other.low : this.order < other.order;
  }

  /** Reads on. Afterwards it stands at a record, or is at the end for good. */
  async fill(): Promise<void> {
    this.isEmpty = false;
    if (this.#left === 0) {
      this.order = END;
      return;
    }
    const { layout, descriptor } = this.#run;
    const pages = Math.min(PAGES_PER_READ, layout.pages - this.#page);
    const length = pages * PAGE_BYTES;
    let held = 0;
    while (held < length) {
      const at = (1 + this.#page) * PAGE_BYTES + held;
      const { bytesRead } = await readFile(descriptor, this.#bytes, held, length - held, at);
      if (bytesRead === 0) break;
      held += bytesRead;
    }
    for (let page = 0; page < pages; page++) {
      const bytes = this.#bytes.subarray(page * PAGE_BYTES, Math.min(held, (page + 1) * PAGE_BYTES));
      this.#run.assertPage(this.#page + page, bytes, wordsOf(bytes));
    }
    this.#page += pages;
    this.#at = PAGE_HEADER_BYTES;
    this.#inPage = 0;
    this.#end = length;
    this.#take();
  }

  next(): void {
    this.#left -= 1;
    this.#inPage += 1;
    this.#at += RECORD_BYTES;
    if (this.#inPage === RECORDS_PER_PAGE) {
      this.#inPage = 0;
      this.#at += PAGE_HEADER_BYTES;
    }
    if (this.#left === 0 || this.#at >= this.#end) this.isEmpty = true;
    else this.#take();
  }

  #take(): void {
    this.high = this.#words.getUint32(this.#at);
    this.low = this.#words.getUint32(this.#at + 4);
    this.offset = this.#words.getUint32(this.#at + 8) + this.#shift;
    this.order = this.high * 2_097_152 + (this.low >>> 11);
  }
}
