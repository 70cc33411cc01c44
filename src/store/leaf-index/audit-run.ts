/** Checks a run against the tiles, record by record: every leaf of its range is found, and nothing else is in it. */
import { randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TlogError } from "../../errors.ts";
import { HASH_BYTES, hashesEqual } from "../../merkle/hash.ts";
import { TILE_WIDTH } from "../../tlog/tile.ts";
import { Fingerprint } from "./fingerprint.ts";
import { compareKeys, KEY_BYTES, wordsOf } from "./key.ts";
import type { TileHashes } from "./leaf-index.ts";
import { openRun, type Run } from "./run.ts";
import { type LeafRange, runPath } from "./run-file.ts";
import { PAGE_BYTES, PAGE_HEADER_BYTES, RECORD_BYTES, RECORDS_PER_PAGE } from "./run-format.ts";
import { RunPages } from "./run-pages.ts";
import { subtreeRoot } from "./subtree-root.ts";

const MAX_PROBLEMS = 8;
/** Some milliseconds of work each. */
const PAGES_PER_TURN = 64;
const TILES_PER_TURN = 64;
/** Leaves whose keys are in memory at once while a difference is looked for. */
const LEAVES_AT_ONCE = 2 ** 22;

export interface RunAudit {
  readonly directory: string;
  readonly storeId: string;
  /** @throws {TlogError} STORE_DAMAGED: there are no such hashes */
  readonly readHashes: (range: TileHashes) => Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** Lets others have a turn, told how many bytes were read since the last. Default: a turn of the event loop. */
  readonly otherWork?: ((bytes: number) => Promise<void>) | undefined;
}

/** @returns what is wrong with the run, a sentence each, none when it is right; some of it, when there is much. */
export async function auditRun(options: RunAudit, range: LeafRange): Promise<readonly string[]> {
  const run = openedRun(options, range);
  if (typeof run === "string") return [run];
  try {
    return await new AuditedRun(options, run).problems();
  } catch (error) {
    return [problemIn(error)];
  } finally {
    run.close();
  }
}

function openedRun({ directory, storeId, readHashes }: RunAudit, range: LeafRange): Run | string {
  try {
    const rootHash = subtreeRoot(readHashes, range);
    return openRun(runPath(directory, range), { ...range, storeId, rootHash });
  } catch (error) {
    return problemIn(error);
  }
}

function problemIn(error: unknown): string {
  if (error instanceof TlogError && (error.code === "STORE_DAMAGED" || error.code === "STORE_FAILED")) {
    return error.message;
  }
  throw error;
}

class AuditedRun {
  readonly #options: RunAudit;
  readonly #run: Run;
  readonly #problems: string[] = [];
  /** Which leaves have a record. Owned by #readRecords(). */
  readonly #seen: Uint8Array;

  constructor(options: RunAudit, run: Run) {
    this.#options = options;
    this.#run = run;
    this.#seen = new Uint8Array(run.to - run.from);
  }

  async problems(): Promise<readonly string[]> {
    const seeds = { a: randomInt(2 ** 32), b: randomInt(2 ** 32) };
    const records = new Fingerprint(seeds);
    const leaves = new Fingerprint(seeds);
    await this.#readRecords((high, low, offset) => records.add(high, low, offset));
    await this.#readLeaves(0, this.#seen.length, (high, low, offset, hashes) => {
      if (this.#seen[offset] === 1) leaves.add(high, low, offset);
      else if (!this.#isElsewhere(high, low, offset, hashes))
        this.#add(`leaf ${this.#run.from + offset} has no record`);
    });
    if (!records.equals(leaves)) await this.#compareAll();
    return this.#problems;
  }

  /** Reads all records: ascending, each of a leaf of its own, and each told by the filter. */
  async #readRecords(take: (high: number, low: number, offset: number) => void): Promise<void> {
    const pages = new RunPages(this.#run);
    const keys = { high: new Uint32Array(RECORDS_PER_PAGE), low: new Uint32Array(RECORDS_PER_PAGE) };
    const selected = new Uint32Array(RECORDS_PER_PAGE);
    let [highBefore, lowBefore, offsetBefore] = [0, 0, -1];
    for (let page = 0; page < this.#run.layout.pages; page++) {
      const words = pages.read(page);
      const count = this.#run.recordsIn(page);
      for (let record = 0; record < count; record++) {
        const at = PAGE_HEADER_BYTES + record * RECORD_BYTES;
        const high = words.getUint32(at);
        const low = words.getUint32(at + 4);
        const offset = words.getUint32(at + KEY_BYTES);
        keys.high[record] = high;
        keys.low[record] = low;
        const order = compareKeys(highBefore, lowBefore, high, low);
        if (order > 0 || (order === 0 && offsetBefore >= offset))
          this.#addRecord(page, record, "is out of order");
        highBefore = high;
        lowBefore = low;
        offsetBefore = offset;
        if (offset >= this.#seen.length) {
          this.#addRecord(page, record, `is of leaf ${this.#run.from + offset}, which is not of this run`);
          continue;
        }
        if (this.#seen[offset] === 1)
          this.#addRecord(page, record, `is the second of leaf ${this.#run.from + offset}`);
        this.#seen[offset] = 1;
        take(high, low, offset);
      }
      if (this.#run.select({ ...keys, count }, selected) !== count)
        this.#add(`the filter denies keys of page ${page}`);
      if (page % PAGES_PER_TURN === 0) await this.#turn(PAGES_PER_TURN * PAGE_BYTES);
    }
  }

  async #readLeaves(
    from: number,
    to: number,
    take: (high: number, low: number, offset: number, tile: Uint8Array) => void,
  ): Promise<void> {
    const base = this.#run.from;
    for (let offset = from; offset < to; offset += TILE_WIDTH) {
      const hashes = this.#options.readHashes({ level: 0, start: base + offset, count: TILE_WIDTH });
      const words = wordsOf(hashes);
      for (let leaf = 0; leaf < TILE_WIDTH; leaf++) {
        const at = leaf * HASH_BYTES;
        take(words.getUint32(at), words.getUint32(at + 4), offset + leaf, hashes);
      }
      if ((offset / TILE_WIDTH) % TILES_PER_TURN === 0) {
        await this.#turn(TILES_PER_TURN * TILE_WIDTH * HASH_BYTES);
      }
    }
  }

  /** Whether a leaf before this one has the whole hash and a record: then this one needs none. */
  #isElsewhere(high: number, low: number, offset: number, tile: Uint8Array): boolean {
    const isSame = (leafIndex: number, hashes: Uint8Array, at: number): boolean =>
      hashesEqual(
        this.#options.readHashes({ level: 0, start: leafIndex, count: 1 }),
        hashes.subarray(at, at + HASH_BYTES),
      );
    const found = this.#run.find(high, low, tile, (offset % TILE_WIDTH) * HASH_BYTES, isSame);
    return found >= 0 && found < this.#run.from + offset;
  }

  /** Finds out which records have another key than their leaf: some leaves at a time. */
  async #compareAll(): Promise<void> {
    const words = new Uint32Array(2 * Math.min(LEAVES_AT_ONCE, this.#seen.length));
    for (let from = 0; from < this.#seen.length; from += LEAVES_AT_ONCE) {
      const to = Math.min(this.#seen.length, from + LEAVES_AT_ONCE);
      await this.#readLeaves(from, to, (high, low, offset) => {
        words[2 * (offset - from)] = high;
        words[2 * (offset - from) + 1] = low;
      });
      this.#seen.fill(0);
      await this.#readRecords((high, low, offset) => {
        if (offset < from || offset >= to) return;
        if (words[2 * (offset - from)] === high && words[2 * (offset - from) + 1] === low) return;
        this.#add(`the record of leaf ${this.#run.from + offset} has another key than its hash`);
      });
    }
  }

  #addRecord(page: number, record: number, what: string): void {
    this.#add(`page ${page}, record ${record} ${what}`);
  }

  #add(problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS && !this.#problems.includes(problem))
      this.#problems.push(problem);
  }

  async #turn(bytes: number): Promise<void> {
    const { signal, otherWork = () => nextTurn() } = this.#options;
    await otherWork(bytes);
    if (signal?.aborted) throw new TlogError("ABORTED", "the check was ended", { cause: signal.reason });
  }
}
