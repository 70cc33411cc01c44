/** The index of a process that reads beside the writer: it makes no files. It opens nothing before it is asked for the first time. */
import { randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TlogError } from "../../errors.ts";
import { endOf, LeafFinder } from "./leaf-finder.ts";
import type { LeafIndex, LeafIndexOptions } from "./leaf-index.ts";
import { TILE_LEAVES } from "./make-run.ts";
import type { Run } from "./run.ts";
import { openChain } from "./run-chain.ts";
import { indexClosed } from "./run-file.ts";

/** Full tables it holds at most. A living writer leaves no more than half as many without a run. */
const MAX_FULL_TABLES = 4;
const TILES_PER_TURN = 8;

export interface ReaderOptions extends LeafIndexOptions {
  readonly runLeaves: number;
}

export class ReadingIndex implements LeafIndex {
  readonly #options: ReaderOptions;
  readonly #finder: LeafFinder;
  #turn: Promise<void> = Promise.resolve(); // owned by catchUp()
  #isClosed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#finder = new LeafFinder({ ...options, runs: [], seed: randomInt(2 ** 32) });
  }

  get size(): number {
    return this.#finder.size;
  }

  get diskBytes(): number {
    return this.#finder.diskBytes;
  }

  append(leafHashes: Uint8Array): void {
    this.#finder.append(leafHashes);
  }

  async ready(): Promise<void> {}

  catchUp(treeSize: number): Promise<void> {
    if (treeSize <= this.size && !this.#isDamaged) return Promise.resolve();
    const caughtUp = this.#turn.then(() => this.#catchUp(treeSize));
    this.#turn = caughtUp.catch(() => undefined);
    return caughtUp;
  }

  find(leafHashes: Uint8Array): readonly (number | undefined)[] {
    this.#assertOpen();
    return this.#finder.find(leafHashes);
  }

  async findRepaired(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]> {
    this.#assertOpen();
    return await this.#finder.findPatiently(leafHashes, () => this.#assertOpen());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    for (const run of this.#finder.runs) run.close();
    this.#finder.adoptRuns([]);
  }

  get #isDamaged(): boolean {
    return this.#finder.runs.some((run) => run.isDamaged);
  }

  async #catchUp(treeSize: number): Promise<void> {
    const { runLeaves, readHashes } = this.#options;
    this.#assertOpen();
    // The writer may have made it anew.
    if (this.#isDamaged) this.#takeRuns(Math.max(treeSize, this.size));
    for (let tiles = 1; this.size < treeSize; tiles++) {
      this.#assertOpen();
      const room = runLeaves - (this.size % runLeaves);
      if (room === runLeaves || treeSize - this.size > runLeaves) this.#takeRuns(treeSize);
      const start = this.size;
      const count = Math.min(treeSize - start, TILE_LEAVES - (start % TILE_LEAVES));
      if (count > 0) this.append(readHashes({ level: 0, start, count }));
      if (tiles % TILES_PER_TURN === 0) await nextTurn();
    }
  }

  /** What it holds no more would be answered as absent. */
  #assertOpen(): void {
    if (this.#isClosed) throw indexClosed();
  }

  /** Takes the runs a writer has written meanwhile. @throws {TlogError} STORE_FAILED when too few of them are there. */
  #takeRuns(treeSize: number): void {
    const held = new Map(this.#finder.runs.filter((run) => !run.isDamaged).map((run) => [run.path, run]));
    const { runs } = openChain({ ...this.#options, treeSize }, held);
    const usable = prefixOf(runs);
    const isNews = endOf(usable) >= endOf(this.#finder.runs);
    const adopted = isNews ? usable : this.#finder.runs;
    for (const run of new Set([...runs, ...this.#finder.runs])) if (!adopted.includes(run)) run.close();
    if (isNews) this.#finder.adoptRuns(usable);
    if (this.#finder.fullTables.length > MAX_FULL_TABLES) {
      throw new TlogError(
        "STORE_FAILED",
        "the leaf index lags far behind the log: a process that opens the log for writing makes it",
      );
    }
  }
}

/** Runs from leaf 0 on, up to the first gap. */
function prefixOf(runs: readonly Run[]): readonly Run[] {
  let end = 0;
  const prefix: Run[] = [];
  for (const run of runs) {
    if (run.from !== end) break;
    prefix.push(run);
    end = run.to;
  }
  return prefix;
}
