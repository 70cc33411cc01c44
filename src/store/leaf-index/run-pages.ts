/** Reads the pages of a run one after the other. */
import { readSync } from "node:fs";
import { wordsOf } from "./key.ts";
import type { Run } from "./run.ts";
import { PAGE_BYTES } from "./run-format.ts";

const PAGES_PER_READ = 64;

export class RunPages {
  readonly #run: Run;
  readonly #bytes = new Uint8Array(PAGES_PER_READ * PAGE_BYTES);
  #first = 0; // the first page in #bytes; owned by read(), as is #held
  #held = 0; // bytes that were read

  constructor(run: Run) {
    this.#run = run;
  }

  /** A page whose checksum fits: a view, until the next is read. @throws {TlogError} STORE_DAMAGED | STORE_FAILED */
  read(page: number): DataView {
    const at = (page - this.#first) * PAGE_BYTES;
    if (at < 0 || at + PAGE_BYTES > this.#held) this.#load(page);
    const start = (page - this.#first) * PAGE_BYTES;
    const bytes = this.#bytes.subarray(start, Math.min(start + PAGE_BYTES, this.#held));
    const words = wordsOf(bytes);
    this.#run.assertPage(page, bytes, words);
    return words;
  }

  #load(page: number): void {
    const pages = Math.min(PAGES_PER_READ, this.#run.layout.pages - page);
    this.#first = page;
    this.#held = 0;
    try {
      this.#held = readSync(
        this.#run.descriptor,
        this.#bytes,
        0,
        pages * PAGE_BYTES,
        (1 + page) * PAGE_BYTES,
      );
    } catch (error) {
      throw this.#run.unreadable(error);
    }
  }
}
