/** The index of the process that writes the log: it also writes, merges and repairs the runs. */
import { randomInt } from "node:crypto";
import { rm, statfs } from "node:fs/promises";
import { TlogError } from "../../errors.ts";
import { makeDirectory } from "../../node/make-directory.ts";
import { Lane } from "./lane.ts";
import { LeafFinder } from "./leaf-finder.ts";
import type { LeafIndex, LeafIndexOptions } from "./leaf-index.ts";
import { runOfRuns, runOfTable, runOfTiles, TILE_LEAVES } from "./make-run.ts";
import { MERGE_WIDTH } from "./merge-runs.ts";
import type { Run } from "./run.ts";
import { MAX_WIDENINGS, openChain } from "./run-chain.ts";
import { fileError, indexClosed } from "./run-file.ts";
import { warmUp } from "./warm-up.ts";

/** Full tables in memory that wait to be written; with them there is no room for more. */
const MAX_FULL_TABLES = 2;
/** What merging leaves free above `floorBytes`, for commits beside it. */
const RESERVED_BYTES = 67_108_864;
/** Runs at the end that wait to be merged; with them there is no room for more. */
const MAX_UNMERGED_RUNS = 24;
/** Of the memory that is available at the start, the part that runs may fill. The system takes it back when others need it. */
const WARM_SHARE = 1 / 4;

export interface WriterOptions extends LeafIndexOptions {
  readonly runLeaves: number;
}

/** Throws as `openLeafIndex`. */
export async function openWritingIndex(options: WriterOptions): Promise<LeafIndex> {
  const { directory, treeSize, onProgress } = options;
  await makeDirectory(directory, { mode: 0o700 }).catch((error: unknown) => {
    throw fileError(directory, error);
  });
  const index = new WritingIndex(options, await openRuns(options));
  try {
    await index.catchUp(treeSize, onProgress);
    index.warmUp();
    return index;
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** The runs that are there, without a gap between them. */
async function openRuns(options: WriterOptions): Promise<readonly Run[]> {
  const { runs, gaps, leftovers } = openChain(options, new Map());
  const made: Run[] = [];
  try {
    // Before anything is written: a run that is made again may have the name of a damaged one.
    for (const path of leftovers) await rm(path, { force: true });
    for (const gap of gaps) made.push(await runOfTiles(options, gap));
  } catch (error) {
    for (const run of [...runs, ...made]) run.close();
    throw fileError(options.directory, error);
  }
  return [...runs, ...made].sort((a, b) => a.from - b.from);
}

class WritingIndex implements LeafIndex {
  readonly #options: WriterOptions;
  readonly #finder: LeafFinder;
  readonly #stop = new AbortController();
  readonly #writing = new Lane(() => this.#writeTable());
  readonly #repairing = new Lane(() => this.#repair());
  /** One for each width, the narrowest first: a wide merge takes long, and narrow runs would pile up behind it. */
  readonly #merging: readonly Lane[];
  #interruption = new AbortController(); // of the merges under way; owned by #repair()
  #warming: Promise<unknown> | undefined; // owned by warmUp()
  #mergedBytes = 0; // of the runs being merged; owned by #merge()
  #closing: Promise<void> | undefined; // owned by close()

  constructor(options: WriterOptions, runs: readonly Run[]) {
    this.#options = options;
    const { runLeaves } = options;
    this.#finder = new LeafFinder({ ...options, runs, seed: randomInt(2 ** 32) });
    this.#merging = Array.from({ length: MAX_WIDENINGS }, (_, widenings) => {
      const width = runLeaves * MERGE_WIDTH ** widenings;
      return new Lane(() => this.#merge(width));
    });
    this.#startMerging();
  }

  get size(): number {
    return this.#finder.size;
  }

  get diskBytes(): number {
    return this.#finder.diskBytes;
  }

  append(leafHashes: Uint8Array): void {
    this.#finder.append(leafHashes);
    if (this.#finder.fullTables.length > 0 && this.#writing.failure === undefined) this.#writing.start();
  }

  async ready(): Promise<void> {
    while (this.#finder.fullTables.length >= MAX_FULL_TABLES) await settled(this.#writing);
    while (this.#unmergedRuns() >= MAX_UNMERGED_RUNS) {
      await settled(this.#repairing);
      // Only the merges of the narrowest runs make them fewer.
      const [narrowest] = this.#merging;
      if (narrowest !== undefined) await settled(narrowest);
    }
  }

  async catchUp(treeSize: number, onProgress?: LeafIndexOptions["onProgress"]): Promise<void> {
    while (this.size < treeSize) {
      await this.ready();
      const start = this.size;
      const count = Math.min(treeSize - start, TILE_LEAVES - (start % TILE_LEAVES));
      this.append(this.#options.readHashes({ level: 0, start, count }));
      if (this.size % this.#options.runLeaves === 0) onProgress?.({ indexed: this.size, treeSize });
    }
  }

  find(leafHashes: Uint8Array): readonly (number | undefined)[] {
    this.#assertOpen();
    try {
      return this.#finder.find(leafHashes);
    } finally {
      this.#startRepair();
    }
  }

  async findRepaired(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]> {
    // Each time it may come to another run that is damaged. What is damaged more often is not repaired by writing it again.
    for (let left = this.#finder.runs.length; ; left--) {
      try {
        this.#assertOpen();
        return await this.#finder.findPatiently(leafHashes, () => this.#assertOpen());
      } catch (error) {
        this.#startRepair();
        if (this.#damaged() === undefined || left === 0) throw error;
        await settled(this.#repairing);
      }
    }
  }

  /** Goes on behind. */
  warmUp(): void {
    const maxBytes = WARM_SHARE * process.availableMemory();
    this.#warming = warmUp(this.#finder.runs, { maxBytes, signal: this.#stop.signal });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort(indexClosed());
    this.#interruption.abort(indexClosed());
    const lanes = [this.#writing, this.#repairing, ...this.#merging];
    await Promise.all([this.#warming, ...lanes.map((lane) => lane.stop())]);
    for (const run of this.#finder.runs) run.close();
  }

  async #writeTable(): Promise<boolean> {
    const [table] = this.#finder.fullTables;
    if (table === undefined) return false;
    this.#finder.tableWritten(table, await runOfTable(this.#options, table));
    this.#startMerging();
    return true;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw indexClosed();
  }

  #startRepair(): void {
    if (this.#damaged() !== undefined && this.#repairing.failure === undefined) this.#repairing.start();
  }

  #damaged(): Run | undefined {
    return this.#finder.runs.find((run) => run.isDamaged);
  }

  /** Makes a damaged run anew from the tiles. Until then, what it might answer is STORE_DAMAGED. Merging waits: it is in less haste. */
  async #repair(): Promise<boolean> {
    if (this.#damaged() !== undefined) {
      this.#interruption.abort();
      await Promise.all(this.#merging.map((lane) => lane.idle()));
      this.#interruption = new AbortController();
    }
    const damaged = this.#damaged();
    if (damaged === undefined) {
      this.#startMerging();
      return false;
    }
    const { runLeaves } = this.#options;
    const made: Run[] = [];
    try {
      for (let from = damaged.from; from < damaged.to; from += runLeaves) {
        made.push(await runOfTiles(this.#options, { from, to: from + runLeaves }));
        this.#stop.signal.throwIfAborted();
      }
    } catch (error) {
      for (const run of made) run.close();
      throw error;
    }
    await this.#replace([damaged], made);
    return true;
  }

  #startMerging(): void {
    for (const lane of this.#merging) lane.start();
  }

  /** Merges four sisters of this width into their parent. */
  async #merge(width: number): Promise<boolean> {
    const sisters = this.#mergeable(width);
    if (sisters === undefined || this.#damaged() !== undefined) return false;
    const bytes = sisters.reduce((sum, run) => sum + run.layout.fileBytes, 0);
    this.#mergedBytes += bytes;
    try {
      await this.#assertRoom(this.#mergedBytes);
      await this.#replace(sisters, [await runOfRuns(this.#options, sisters, this.#interruption.signal)]);
      this.#startMerging();
      return true;
    } catch (error) {
      if (this.#damaged() === undefined) {
        if (this.#closing === undefined) this.#options.onMergeFailed?.(error);
        throw error;
      }
      // It met a damaged run, or is in the way of who did. Once there is none, merging goes on.
      this.#repairing.start();
      return false;
    } finally {
      this.#mergedBytes -= bytes;
    }
  }

  /** A disk that is filled for a while, by files that may wait, is full for the commits and the heads of that while. */
  async #assertRoom(bytes: number): Promise<void> {
    const { directory, floorBytes = 0 } = this.#options;
    const wanted = bytes + floorBytes + RESERVED_BYTES;
    const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
      throw fileError(directory, error);
    });
    if (bavail * bsize >= wanted) return;
    throw new TlogError("STORE_FULL", `runs are merged when ${wanted} bytes are free, got ${bavail * bsize}`);
  }

  #mergeable(width: number): readonly Run[] | undefined {
    const { runs } = this.#finder;
    return runs
      .map((_, at) => runs.slice(at, at + MERGE_WIDTH))
      .find((sisters) => areSisters(sisters, width));
  }

  async #replace(olds: readonly Run[], news: readonly Run[]): Promise<void> {
    this.#finder.replaceRuns(olds, news);
    for (const run of olds) run.close();
    const kept = new Set(news.map(({ path }) => path));
    for (const { path } of olds) {
      // One that stays is removed at the next opening.
      if (!kept.has(path)) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  #unmergedRuns(): number {
    const { runs } = this.#finder;
    const merged = runs.findLastIndex(({ from, to }) => to - from > this.#options.runLeaves);
    return runs.length - 1 - merged;
  }
}

/** Waits until the lane has done what there is to do. @throws what made it stand still | {TlogError} STORE_CLOSED: it will do no more. */
async function settled(lane: Lane): Promise<void> {
  if (lane.isStopped) throw indexClosed();
  lane.start();
  await lane.idle();
  if (lane.failure !== undefined) throw lane.failure;
}

/** Whether they are all children of one parent. */
function areSisters(runs: readonly Run[], width: number): boolean {
  const from = runs[0]?.from ?? 0;
  return (
    runs.length === MERGE_WIDTH &&
    from % (MERGE_WIDTH * width) === 0 &&
    runs.every((run) => run.to - run.from === width)
  );
}
