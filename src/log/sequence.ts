import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { CompactRange } from "../merkle/compact-range.ts";
import type { LevelAppend, LogStore } from "../store/store.ts";
import { concatBytes } from "../tlog/encoding.ts";
import {
  blockLeafHashes,
  type EntryBlock,
  entryCount,
  isWholeBlock,
  MAX_ENTRY_BYTES,
} from "../tlog/entry-bundle.ts";
import { entryTooLarge } from "./added.ts";
import { assignIndices, type Candidates, type IndexPlan } from "./assign.ts";
import { integrate } from "./integrate.ts";
import { type LeafTable, type TableSeed, tableSeed } from "./leaf-table.ts";
import type { AppendedBlock, LogLimits } from "./log.ts";
import { type PendingGroup, Pool } from "./pool.ts";
import type { SpaceFloor } from "./space-floor.ts";
import { nextTurn } from "./turns.ts";

/** One commit takes at most this much; a larger single group is committed alone. */
const COMMIT_LIMITS = { maxEntries: 8192, maxBytes: 16 * 1024 * 1024 };
/**
 * So much is worth preparing while the commit before it is on its way to disk. Less waits for its end, and for all that comes until
 * then: a commit more costs as much as preparing some hundred entries.
 */
const AHEAD = { entries: 4096, bytes: 4 * 1024 * 1024 };
/**
 * Turns of the event loop that entries gather for before a commit that nothing waits for. One for who came in the same turn; one for
 * who was answered by the commit before and asks again at once: else one of them would go alone and all others behind it, for ever.
 * More while they bring entries. A turn without work takes microseconds, a commit hundreds of them.
 */
const GATHERING_TURNS = { least: 2, most: 4 };

export interface SequencerOptions {
  readonly store: Pick<LogStore, "indexOf" | "commit">;
  /** The integrated tree as the store holds it. */
  readonly range: CompactRange;
  readonly duplicates: "first" | "allow";
  readonly limits: LogLimits;
  /** See LogOptions. */
  readonly space?: Pick<SpaceFloor, "refusal" | "took"> | undefined;
  /** Why nobody could sign for more entries now. */
  readonly signerRefusal?: () => TlogError | undefined;
  readonly events: LogEvents;
  readonly now: () => number;
  /** See LogOptions. */
  readonly randomToken: () => string;
  /** Called after each durable batch, before its callers are answered. */
  readonly onIntegrated: (range: CompactRange) => void;
  /** Called once, when a commit failed: its outcome is unknown, nothing more will be written. */
  readonly onFailure: (error: TlogError) => void;
}

type Group = PendingGroup<AppendedBlock>;

/** A batch with its indices and its part of the tree, ready to be written once the batch before it is. */
interface PreparedBatch extends IndexPlan {
  readonly groups: readonly Group[];
  readonly from: number;
  readonly range: CompactRange;
  readonly levels: readonly LevelAppend[];
  readonly startedAt: number;
}

/**
 * Gives entries their indices: while a commit is in flight new entries gather, the next commit takes them all. Idle, an entry
 * commits with those that are there already; busy, batches grow, and the next one is prepared while the one before it goes to disk;
 * no timer decides.
 */
export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #pool: Pool<AppendedBlock>;
  readonly #seed: TableSeed;
  #range: CompactRange; // owned by #commit(): what is durable
  #ahead: CompactRange; // owned by #prepare(): what will be, once all that is prepared is durable
  #inFlight: LeafTable | undefined; // owned by #prepare() and #run(): leaves the store may not know yet
  #committing: Promise<void> | undefined; // owned by #run(); never rejects
  #running: Promise<void> | undefined; // owned by #wake() and #run()
  #bell: (() => void) | undefined; // owned by #untilWorthwhile()
  #refusal: TlogError | undefined; // owned by stop() and #fail()
  #failure: TlogError | undefined; // owned by #fail()

  constructor(options: SequencerOptions) {
    this.#options = options;
    this.#pool = new Pool(options.limits);
    this.#seed = tableSeed(options.randomToken());
    this.#range = options.range;
    this.#ahead = options.range;
  }

  get integratedSize(): number {
    return this.#range.treeSize;
  }

  /** What waits for a commit. */
  get pending(): { readonly pendingEntries: number; readonly pendingBytes: number } {
    return this.#pool.size;
  }

  /**
   * Resolves when every entry is durable.
   * @param block - not copied: it belongs to the sequencer until the promise resolves, and for good when it rejects.
   * @throws {TlogError} see Log.addBlock
   */
  add(block: EntryBlock): Promise<AppendedBlock> {
    return new Promise((resolve, reject) => {
      this.assertTakes({ entries: entryCount(block), bytes: bytesIn(block) });
      this.#assertEntries(block);
      if (entryCount(block) === 0) {
        resolve({ leafIndices: [], duplicates: [], leafHashes: new Uint8Array(0) });
        return;
      }
      const leafHashes = blockLeafHashes(block);
      this.#pool.push({ block, leafHashes, bytes: bytesIn(block), resolve, reject });
      this.#options.space?.took({ entries: entryCount(block), bytes: bytesIn(block) });
      this.#wake();
    });
  }

  /** @throws {TlogError} ARGUMENT_INVALID | POOL_FULL | SPACE_LOW | SIGNER_FAILED, and what entries are refused with, when so much is not taken now. */
  assertTakes(more: { readonly entries: number; readonly bytes: number }): void {
    const refusal = this.#refusal ?? this.#options.space?.refusal ?? this.#options.signerRefusal?.();
    if (refusal !== undefined) throw refusal;
    const { maxBatchEntries, maxPendingBytes } = this.#options.limits;
    const tooMany = (most: string, got: number) =>
      new TlogError("ARGUMENT_INVALID", `entries: want at most ${most}, got ${got}`);
    if (more.entries > maxBatchEntries) throw tooMany(`${maxBatchEntries}`, more.entries);
    if (more.bytes > maxPendingBytes) throw tooMany(`${maxPendingBytes} bytes together`, more.bytes);
    try {
      this.#pool.assertRoom(more);
    } catch (error) {
      this.#options.events.poolFull?.({ count: more.entries, ...this.#pool.size });
      throw error;
    }
  }

  /** Refuses new entries with `refusal`; resolves when those already pending are answered. */
  async stop(refusal: TlogError): Promise<void> {
    this.#refusal ??= refusal;
    await this.#running;
  }

  /** Before the block is anybody else's: later it would be everybody's failure, or entries that cannot be read. */
  #assertEntries(block: EntryBlock): void {
    if (!isWholeBlock(block)) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        "block: want offsets that say what the lengths before the entries say",
      );
    }
    const { offsets } = block;
    const { maxEntryBytes } = this.#options.limits;
    if (maxEntryBytes >= MAX_ENTRY_BYTES) return;
    for (let at = 1; at < offsets.length; at++) {
      const length = (offsets[at] ?? 0) - (offsets[at - 1] ?? 0) - 2;
      if (length > maxEntryBytes) throw entryTooLarge(maxEntryBytes, length);
    }
  }

  #wake(): void {
    if (this.#running === undefined) this.#running = this.#run();
    else if (this.#isAheadWorthwhile()) this.#bell?.();
  }

  async #run(): Promise<void> {
    for (;;) {
      while (this.#committing !== undefined && !this.#isAheadWorthwhile()) await this.#untilWorthwhile();
      if (this.#pool.isEmpty) break;
      if (this.#committing === undefined && !this.#isAheadWorthwhile()) await this.#gathered();
      const groups = this.#pool.take(COMMIT_LIMITS);
      try {
        const batch = await this.#prepare(groups);
        await this.#committing;
        if (this.#failure !== undefined) throw this.#failure;
        this.#committing = this.#commit(batch).then(() => {
          this.#committing = undefined;
          this.#bell?.();
        });
      } catch (error) {
        this.#fail(error, groups);
      }
    }
    this.#inFlight = undefined;
    // In the same step that found the pool empty: an entry that arrives later must find nobody running.
    this.#running = undefined;
  }

  /** Until those are here who come at the same time, or so many that they are worth a commit of their own. */
  async #gathered(): Promise<void> {
    let before = 0;
    for (let turn = 0; turn < GATHERING_TURNS.most && !this.#isAheadWorthwhile(); turn++) {
      const { pendingEntries } = this.#pool.size;
      if (turn >= GATHERING_TURNS.least && pendingEntries === before) return;
      before = pendingEntries;
      await nextTurn();
    }
  }

  #isAheadWorthwhile(): boolean {
    const { pendingEntries, pendingBytes } = this.#pool.size;
    return pendingEntries >= AHEAD.entries || pendingBytes >= AHEAD.bytes;
  }

  /** Until a commit ends, or there is more to prepare than waiting for that is worth. */
  #untilWorthwhile(): Promise<void> {
    return new Promise((resolve) => {
      this.#bell = resolve;
    });
  }

  async #prepare(groups: readonly Group[]): Promise<PreparedBatch> {
    const startedAt = this.#options.now();
    const candidates = candidatesIn(groups);
    const before = this.#ahead;
    const plan = assignIndices(candidates, before.treeSize, await this.#knownLeaves(candidates));
    const { range, levels } = integrate(before, plan.leafHashes);
    this.#ahead = range;
    this.#inFlight = plan.table;
    return { ...plan, groups, from: before.treeSize, range, levels, startedAt };
  }

  async #knownLeaves({ leafHashes }: Candidates) {
    if (this.#options.duplicates === "allow") return undefined;
    // Before the store is asked: what it does not know yet is in flight now, and all that was prepared before that is durable.
    const inFlight = this.#inFlight;
    return { stored: await this.#options.store.indexOf(leafHashes), inFlight, seed: this.#seed };
  }

  /** Writes and answers one batch. Never rejects: a failure is everybody's. */
  async #commit(batch: PreparedBatch): Promise<void> {
    try {
      const { from, entries, leafHashes, levels, range } = batch;
      if (entryCount(entries) > 0) {
        await this.#options.store.commit({ from, entries, leafHashes, levels, head: range });
        this.#range = range;
        this.#options.onIntegrated(range);
      }
      this.#answer(batch);
    } catch (error) {
      this.#fail(error, batch.groups);
    }
  }

  /** Only once the batch is durable: an answer is a promise, and the promise is that the bytes are on disk. */
  #answer({ groups, answers, entries, startedAt }: PreparedBatch): void {
    let duplicates = 0;
    for (const [at, group] of groups.entries()) {
      const answer = answers[at];
      if (answer === undefined) throw new InvariantError("a group without an answer");
      duplicates += answer.duplicates.length;
      group.resolve(answer);
    }
    this.#options.events.batchIntegrated?.({
      treeSize: this.#range.treeSize,
      count: entryCount(entries),
      duplicates,
      elapsedMs: this.#options.now() - startedAt,
    });
  }

  /** Fail stop: whether the batch landed is unknown here, so nothing is carried on from memory. A restart reads the disk. */
  #fail(error: unknown, inFlight: readonly Group[]): void {
    const isFirst = this.#failure === undefined;
    this.#failure ??= refusalAfter(error);
    this.#refusal = this.#failure;
    const waiting = this.#pool.take({
      maxEntries: Number.MAX_SAFE_INTEGER,
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
    for (const group of [...inFlight, ...waiting]) group.reject(this.#failure);
    if (isFirst) this.#options.onFailure(this.#failure);
  }
}

function refusalAfter(error: unknown): TlogError {
  const cause = error instanceof TlogError ? `${error.code}: ${error.message}` : String(error);
  return new TlogError(
    "LOG_READ_ONLY",
    `the log stopped accepting entries after a failed commit (${cause})`,
    { cause: error },
  );
}

/** Bytes of the entries, without their lengths. */
function bytesIn(block: EntryBlock): number {
  return block.bytes.length - 2 * entryCount(block);
}

function candidatesIn(groups: readonly Group[]): Candidates {
  const [only] = groups;
  if (groups.length === 1 && only !== undefined) return { blocks: [only.block], leafHashes: only.leafHashes };
  return {
    blocks: groups.map(({ block }) => block),
    leafHashes: concatBytes(...groups.map(({ leafHashes }) => leafHashes)),
  };
}
