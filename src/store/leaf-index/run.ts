/** A run that is open for finding: its fences and its filter are in memory, its pages are read one at a time. */
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { TlogError } from "../../errors.ts";
import { hashesEqual } from "../../merkle/hash.ts";
import { selectKeys } from "./filter.ts";
import { compareKeys, KEY_BYTES, type Keys, wordsOf } from "./key.ts";
import type { ConfirmHash } from "./memtable.ts";
import { damagedRun, type LeafRange, readError } from "./run-file.ts";
import {
  decodeHeader,
  isPageIntact,
  layoutOf,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  RECORD_BYTES,
  RECORDS_PER_PAGE,
  type RunLayout,
} from "./run-format.ts";

const NO_HASHES = new Uint8Array(0);
const isAny: ConfirmHash = () => true;

/** What a run keeps in memory. */
export interface RunParts {
  readonly records: number;
  /** The first key of each page, 8 bytes each. */
  readonly fences: Uint8Array;
  readonly filter: Uint8Array;
}

/** Who wrote a run, and of which leaves. */
export interface RunIdentity extends LeafRange {
  readonly storeId: string;
  readonly rootHash: Uint8Array;
}

/**
 * Opens a run that lies at `path`, and checks all of it but its pages, which are checked as they are read.
 * @throws {TlogError} STORE_DAMAGED: it is not the run that is wanted, its bytes changed, or the disk cannot read them | STORE_FAILED
 */
export function openRun(path: string, wanted: RunIdentity): Run {
  const descriptor = guarded(path, () => openSync(path, "r"));
  try {
    return new Run(
      path,
      descriptor,
      wanted,
      guarded(path, () => readParts(path, descriptor, wanted)),
    );
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

export class Run implements LeafRange {
  readonly path: string;
  readonly descriptor: number;
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly layout: RunLayout;
  readonly filter: Uint8Array;
  readonly #fences: DataView;
  readonly #page = new Uint8Array(PAGE_BYTES);
  readonly #words = wordsOf(this.#page);
  #held = -1; // the page in #page; owned by #load()
  #isClosed = false; // owned by close()
  /** Set when a page was not what was written, or could not be read: the run is then made anew from the tiles. Owned by assertPage() and unreadable(). */
  isDamaged = false;

  /** @param descriptor - of the file, open for reading; closed by close(). */
  constructor(path: string, descriptor: number, { from, to }: LeafRange, parts: RunParts) {
    this.path = path;
    this.descriptor = descriptor;
    this.from = from;
    this.to = to;
    this.records = parts.records;
    this.layout = layoutOf(parts.records);
    this.filter = parts.filter;
    this.#fences = wordsOf(parts.fences);
  }

  /**
   * The smallest index of a leaf with the hash at `offset` of `hashes`, or -1. @param high - of its key, as is `low`.
   * @throws {TlogError} STORE_DAMAGED | STORE_FAILED
   */
  find(high: number, low: number, hashes: Uint8Array, offset: number, confirm: ConfirmHash): number {
    for (let page = this.#firstPage(high, low); page < this.layout.pages; page++) {
      this.#load(page);
      const count = this.recordsIn(page);
      for (let record = this.#firstRecord(count, high, low); record < count; record++) {
        const at = PAGE_HEADER_BYTES + record * RECORD_BYTES;
        if (this.#words.getUint32(at) !== high || this.#words.getUint32(at + 4) !== low) return -1;
        const leafIndex = this.from + this.#words.getUint32(at + KEY_BYTES);
        if (confirm(leafIndex, hashes, offset)) return leafIndex;
      }
    }
    return -1;
  }

  /** The smallest index of a leaf with the key, or -1. Throws as `find`. */
  first(high: number, low: number): number {
    return this.find(high, low, NO_HASHES, 0, isAny);
  }

  /**
   * Has the system take the page of the key into its memory, away from the event loop. Never rejects: who looks at the page is told.
   * @param scratch - a page's length; its bytes mean nothing afterwards.
   */
  fetch(high: number, low: number, scratch: Uint8Array): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const at = (1 + this.#firstPage(high, low)) * PAGE_BYTES;
    return new Promise((resolve) => {
      read(this.descriptor, scratch, 0, PAGE_BYTES, at, () => resolve());
    });
  }

  /** Which of the keys the run may have: writes their positions. @returns how many. All others it has not. */
  select(keys: Keys, selected: Uint32Array): number {
    return selectKeys(this.filter, keys, selected);
  }

  recordsIn(page: number): number {
    return Math.min(RECORDS_PER_PAGE, this.records - page * RECORDS_PER_PAGE);
  }

  fenceIs(page: number, high: number, low: number): boolean {
    const at = page * KEY_BYTES;
    return this.#fences.getUint32(at) === high && this.#fences.getUint32(at + 4) === low;
  }

  close(): void {
    this.#isClosed = true;
    closeSync(this.descriptor);
  }

  /** The first page that may hold the key: the last one that begins below it, since equal keys may go on in the next. */
  #firstPage(high: number, low: number): number {
    let below = 0; // begins below the key, or is the first
    let behind = this.layout.pages; // begins at the key or behind it
    while (behind - below > 1) {
      const middle = Math.floor((below + behind) / 2);
      const at = middle * KEY_BYTES;
      const order = compareKeys(this.#fences.getUint32(at), this.#fences.getUint32(at + 4), high, low);
      if (order < 0) below = middle;
      else behind = middle;
    }
    return below;
  }

  /** The first record of the loaded page whose key is the given one or behind it; `count` when there is none. */
  #firstRecord(count: number, high: number, low: number): number {
    let start = 0;
    let end = count;
    while (start < end) {
      const middle = Math.floor((start + end) / 2);
      const at = PAGE_HEADER_BYTES + middle * RECORD_BYTES;
      if (compareKeys(this.#words.getUint32(at), this.#words.getUint32(at + 4), high, low) < 0) {
        start = middle + 1;
      } else end = middle;
    }
    return start;
  }

  #load(page: number): void {
    if (page === this.#held) return;
    this.#held = -1;
    const at = (1 + page) * PAGE_BYTES;
    const read = this.#readPage(at);
    this.assertPage(page, this.#page.subarray(0, read), this.#words);
    this.#held = page;
  }

  #readPage(at: number): number {
    try {
      return readSync(this.descriptor, this.#page, 0, PAGE_BYTES, at);
    } catch (error) {
      throw this.unreadable(error);
    }
  }

  /** What is thrown when pages could not be read. */
  unreadable(cause: unknown): unknown {
    const error = readError(this.path, cause);
    if (error instanceof TlogError && error.code === "STORE_DAMAGED") this.isDamaged = true;
    return error;
  }

  /** @throws {TlogError} STORE_DAMAGED unless these are the bytes of the page. */
  assertPage(page: number, bytes: Uint8Array, words: DataView): void {
    const isIntact =
      bytes.length === PAGE_BYTES &&
      isPageIntact(words, bytes) &&
      this.fenceIs(page, words.getUint32(PAGE_HEADER_BYTES), words.getUint32(PAGE_HEADER_BYTES + 4));
    if (isIntact) return;
    this.isDamaged = true;
    throw damagedRun(this.path, `page ${page} is not what was written`);
  }
}

function readParts(path: string, descriptor: number, wanted: RunIdentity): RunParts {
  const header = decodeHeader(readAt(path, descriptor, 0, PAGE_BYTES));
  const isWanted =
    header.storeId === wanted.storeId &&
    header.from === wanted.from &&
    header.to === wanted.to &&
    hashesEqual(header.rootHash, wanted.rootHash);
  if (!isWanted) throw damagedRun(path, `it is not of leaves [${wanted.from}, ${wanted.to}) of this log`);
  const { records } = header;
  const { pages, fencesAt, filterAt, filterBytes, fileBytes } = layoutOf(records);
  const { size } = fstatSync(descriptor);
  if (records < 1 || records > header.to - header.from || size !== fileBytes) {
    throw damagedRun(path, `${size} bytes for ${records} records`);
  }
  const fences = readAt(path, descriptor, fencesAt, pages * KEY_BYTES);
  const filter = readAt(path, descriptor, filterAt, filterBytes);
  if (crc32(fences) !== header.fencesCrc) throw damagedRun(path, "its fences changed");
  if (crc32(filter) !== header.filterCrc) throw damagedRun(path, "its filter changed");
  return { records, fences, filter };
}

/** @throws {TlogError} STORE_DAMAGED when the file ends before. */
function readAt(path: string, descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = readSync(descriptor, bytes, at, length - at, position + at);
    if (read === 0) throw damagedRun(path, "it ends early");
    at += read;
  }
  return bytes;
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw readError(path, error);
  }
}
