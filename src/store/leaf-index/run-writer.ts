/** Writes a run: aside, synced, renamed, its name synced. A crash leaves the whole run, or a file without a run's name. */
import { randomBytes } from "node:crypto";
import { openSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { InvariantError } from "../../errors.ts";
import { syncDirectory } from "../../node/sync-directory.ts";
import { addKey } from "./filter.ts";
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
 * @param options.records - exactly how many `fill` adds, in ascending order of key and then of leaf.
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

/** Takes the records of a run in order. After each `add`, when `isFull`, await `flush`. */
export class RunSink {
  readonly records: number;
  readonly fences: Uint8Array;
  readonly filter: Uint8Array;
  readonly #file: FileHandle;
  readonly #layout: RunLayout;
  readonly #fenceWords: DataView;
  readonly #pages = new Uint8Array(PAGES_PER_WRITE * PAGE_BYTES);
  readonly #words = wordsOf(this.#pages);
  #at = PAGE_HEADER_BYTES; // in #pages; owned by add() and flush(), as are all below
  #inPage = 0;
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

  /** @param offset - leaf index - from. */
  add(high: number, low: number, offset: number): void {
    if (this.#inPage === 0) {
      this.#fenceWords.setUint32(this.#page * KEY_BYTES, high);
      this.#fenceWords.setUint32(this.#page * KEY_BYTES + 4, low);
    }
    const at = this.#at;
    this.#words.setUint32(at, high);
    this.#words.setUint32(at + 4, low);
    this.#words.setUint32(at + KEY_BYTES, offset);
    addKey(this.filter, high, low);
    this.#at = at + RECORD_BYTES;
    this.#inPage += 1;
    if (this.#inPage === RECORDS_PER_PAGE) this.#endPage();
  }

  /** Writes the pages that are full. */
  async flush(): Promise<void> {
    const length = this.#at - PAGE_HEADER_BYTES;
    await this.#write(this.#pages.subarray(0, length));
    this.#pages.fill(0);
    this.#at = PAGE_HEADER_BYTES;
  }

  /** Writes what is left, the fences, the filter and, last, the header, and syncs them. */
  async finish(identity: RunIdentity): Promise<void> {
    if (this.#inPage > 0) this.#endPage();
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

  #endPage(): void {
    const end = Math.ceil(this.#at / PAGE_BYTES) * PAGE_BYTES;
    const start = end - PAGE_BYTES;
    this.#words.setUint32(start, crc32(this.#pages.subarray(start + PAGE_HEADER_BYTES, end)));
    this.#at = end + PAGE_HEADER_BYTES;
    this.#inPage = 0;
    this.#page += 1;
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
