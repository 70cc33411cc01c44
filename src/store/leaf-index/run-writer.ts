/** Writes a run: aside, synced, renamed, its name synced. A crash leaves the whole run, or a file without a run's name. */
import { randomBytes } from "node:crypto";
import { openSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { InvariantError } from "../../errors.ts";
import { syncDirectory } from "../../node/sync-directory.ts";
import { addKeys } from "./filter.ts";
import { KEY_BYTES, wordsOf } from "./key.ts";
import { Run, type RunIdentity } from "./run.ts";
import { fileError, temporaryPath } from "./run-file.ts";
import {
  encodeHeader,
  layoutOf,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  RECORD_BYTES,
  RECORDS_PER_PAGE,
  type RunLayout,
} from "./run-format.ts";

/** Pages written at once: about a millisecond of work lies between two writes. */
const PAGES_PER_WRITE = 32;
/** So many bytes are synced at once: a log on the same disk waits for no more than these. */
const BYTES_PER_SYNC = 8_388_608;

/**
 * Writes one run and opens it.
 * @param options.records - exactly how many `fill` adds, in ascending order of key and then of leaf, all pages full but the last.
 * @throws {TlogError} STORE_FULL | STORE_FAILED | what `fill` throws: nothing of the run remains.
 */
export async function writeRun(options: {
  readonly path: string;
  readonly identity: RunIdentity;
  readonly records: number;
  readonly fill: (sink: RunSink) => Promise<void>;
}): Promise<Run> {
  const { path, identity, records, fill } = options;
  const temporary = temporaryPath(path, randomBytes(8).toString("hex"));
  try {
    const file = await open(temporary, "wx", 0o600);
    const sink = new RunSink(file, records);
    try {
      await fill(sink);
      await sink.finish(identity);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    return new Run(path, openSync(path, "r"), identity, sink);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(path, error);
  }
}

/** Records of one page, in order: the first of each column. */
export interface PageColumns {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** leaf index - from. */
  readonly offset: Uint32Array;
}

/** Takes the records of a run in order, a page at a time. After each `endPage`, when `isFull`, await `flush`. */
export class RunSink {
  readonly records: number;
  /** The next page: filled by who makes the run, then given away with `endPage`. */
  readonly columns: PageColumns = {
    high: new Uint32Array(RECORDS_PER_PAGE),
    low: new Uint32Array(RECORDS_PER_PAGE),
    offset: new Uint32Array(RECORDS_PER_PAGE),
  };
  readonly fences: Uint8Array;
  readonly filter: Uint8Array;
  readonly #file: FileHandle;
  readonly #layout: RunLayout;
  readonly #fenceWords: DataView;
  readonly #pages = new Uint8Array(PAGES_PER_WRITE * PAGE_BYTES);
  readonly #words = wordsOf(this.#pages);
  #at = 0; // in #pages; owned by endPage() and flush(), as are all below
  #page = 0;
  #written = PAGE_BYTES;
  #unsynced = 0;

  constructor(file: FileHandle, records: number) {
    this.#file = file;
    this.records = records;
    this.#layout = layoutOf(records);
    this.fences = new Uint8Array(this.#layout.pages * KEY_BYTES);
    this.filter = new Uint8Array(this.#layout.filterBytes);
    this.#fenceWords = wordsOf(this.fences);
  }

  get isFull(): boolean {
    return this.#at >= this.#pages.length;
  }

  /** Takes the first `count` records of `columns`: a full page, or what is left for the last one. */
  endPage(count: number): void {
    const { high, low, offset } = this.columns;
    const words = this.#words;
    const start = this.#at;
    this.#fenceWords.setUint32(this.#page * KEY_BYTES, high[0] ?? 0);
    this.#fenceWords.setUint32(this.#page * KEY_BYTES + 4, low[0] ?? 0);
    for (let record = 0, at = start + PAGE_HEADER_BYTES; record < count; record++, at += RECORD_BYTES) {
      words.setUint32(at, high[record] ?? 0);
      words.setUint32(at + 4, low[record] ?? 0);
      words.setUint32(at + KEY_BYTES, offset[record] ?? 0);
    }
    addKeys(this.filter, { high, low, count });
    const end = start + PAGE_BYTES;
    words.setUint32(start, crc32(this.#pages.subarray(start + PAGE_HEADER_BYTES, end)));
    this.#at = end;
    this.#page += 1;
  }

  /** Writes the pages that are full. */
  async flush(): Promise<void> {
    await this.#write(this.#pages.subarray(0, this.#at));
    this.#pages.fill(0);
    this.#at = 0;
  }

  /** Writes what is left, the fences, the filter and, last, the header, and syncs them. */
  async finish(identity: RunIdentity): Promise<void> {
    await this.flush();
    await this.#write(this.fences);
    await this.#write(this.filter);
    if (this.#written !== this.#layout.fileBytes) {
      throw new InvariantError(`a run of ${this.#written} bytes, not ${this.#layout.fileBytes}`);
    }
    const header = encodeHeader({
      ...identity,
      records: this.records,
      fencesCrc: crc32(this.fences),
      filterCrc: crc32(this.filter),
    });
    await writeWhole(this.#file, header, 0);
    await this.#file.sync();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeWhole(this.#file, bytes, this.#written);
    this.#written += bytes.length;
    this.#unsynced += bytes.length;
    if (this.#unsynced < BYTES_PER_SYNC) return;
    this.#unsynced = 0;
    await this.#file.datasync();
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
