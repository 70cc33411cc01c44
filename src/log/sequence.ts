import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { CompactRange } from "../merkle/compact-range.ts";
import { leafHash } from "../merkle/hash.ts";
import type { LogStore } from "../store/store.ts";
import { integrate } from "./integrate.ts";
import type { Appended, LogLimits } from "./log.ts";
import { type PendingGroup, Pool } from "./pool.ts";

/** One commit takes at most this much; a larger single group is committed alone. */
const COMMIT_LIMITS = { maxEntries: 8192, maxBytes: 16 * 1024 * 1024 };

export interface SequencerOptions {
  readonly store: LogStore;
  /** The integrated tree as the store holds it. */
  readonly range: CompactRange;
  readonly duplicates: "first" | "allow";
  readonly limits: LogLimits;
  readonly events: LogEvents;
  readonly now: () => number;
  /** Called after each durable batch, before its callers are answered. */
  readonly onIntegrated: (range: CompactRange) => void;
  /** Called once, when a commit failed: its outcome is unknown, nothing more will be written. */
  readonly onFailure: (error: TlogError) => void;
}

/**
 * Gives entries their indices, one batch at a time: while a commit is in flight new entries gather, the next commit takes
 * them all. Idle, an entry commits at once; busy, batches grow; no timer decides.
 */
export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #pool: Pool<readonly Appended[]>;
  #range: CompactRange; // owned by #commit()
  #running: Promise<void> | undefined; // owned by #wake() and #run()
  #refusal: TlogError | undefined; // owned by stop() and #fail()

  constructor(options: SequencerOptions) {
    this.#options = options;
    this.#pool = new Pool(options.limits);
    this.#range = options.range;
  }

  get integratedSize(): number {
    return this.#range.treeSize;
  }

  /**
   * Resolves when every entry is durable.
   * @param entries - copied: the hash is taken now and the bytes are stored later, and they must not part.
   * @throws {TlogError} see Log.add and Log.addBatch
   */
  add(entries: readonly Uint8Array[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined) throw this.#refusal;
      const bytes = this.#checkedBytes(entries);
      if (entries.length === 0) {
        resolve([]);
        return;
      }
      try {
        this.#pool.assertRoom({ entries: entries.length, bytes });
      } catch (error) {
        this.#options.events.poolFull?.(this.#pool.size);
        throw error;
      }
      const own = entries.map((entry) => new Uint8Array(entry));
      this.#pool.push({ entries: own, leafHashes: own.map(leafHash), bytes, resolve, reject });
      this.#wake();
    });
  }

  /** Refuses new entries with `refusal`; resolves when those already pending are answered. */
  async stop(refusal: TlogError): Promise<void> {
    this.#refusal ??= refusal;
    await this.#running;
  }

  #checkedBytes(entries: readonly Uint8Array[]): number {
    const { maxBatchEntries, maxEntryBytes, maxPendingBytes } = this.#options.limits;
    if (entries.length > maxBatchEntries) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `entries: want at most ${maxBatchEntries}, got ${entries.length}`,
      );
    }
    let bytes = 0;
    for (const entry of entries) {
      // Callers without a compiler: a string would be stored as so many zeroes. By its tag: bytes of another realm count.
      if (entry?.[Symbol.toStringTag] !== "Uint8Array") {
        throw new TlogError("ARGUMENT_INVALID", `entry: want a Uint8Array, got ${typeof entry}`);
      }
      if (entry.length > maxEntryBytes) {
        throw new TlogError(
          "ENTRY_TOO_LARGE",
          `entry: want at most ${maxEntryBytes} bytes, got ${entry.length}`,
        );
      }
      bytes += entry.length;
    }
    if (bytes <= maxPendingBytes) return bytes;
    throw new TlogError(
      "ARGUMENT_INVALID",
      `entries: want at most ${maxPendingBytes} bytes together, got ${bytes}`,
    );
  }

  #wake(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#pool.isEmpty) {
      const groups = this.#pool.take(COMMIT_LIMITS);
      try {
        await this.#integrate(groups);
      } catch (error) {
        this.#fail(error, groups);
      }
    }
    // In the same step that found the pool empty: an entry that arrives later must find nobody running.
    this.#running = undefined;
  }

  async #integrate(groups: readonly PendingGroup<readonly Appended[]>[]): Promise<void> {
    const startedAt = this.#options.now();
    const plan = await this.#assignIndices(groups);
    if (plan.entries.length > 0) await this.#commit(plan);
    // Only now: an answer is a promise, and the promise is that the bytes are on disk.
    for (const [index, group] of groups.entries()) group.resolve(plan.answers[index] ?? []);
    const count = plan.answers.reduce((sum, answer) => sum + answer.length, 0);
    this.#options.events.batchIntegrated?.({
      treeSize: this.#range.treeSize,
      count: plan.entries.length,
      duplicates: count - plan.entries.length,
      elapsedMs: this.#options.now() - startedAt,
    });
  }

  async #commit(plan: IndexPlan): Promise<void> {
    const { range, levels } = integrate(this.#range, plan.leafHashes);
    await this.#options.store.commit({
      from: this.#range.treeSize,
      entries: plan.entries,
      leafHashes: plan.leafHashes,
      levels,
      head: range,
    });
    this.#range = range;
    this.#options.onIntegrated(range);
  }

  async #assignIndices(groups: readonly PendingGroup<readonly Appended[]>[]): Promise<IndexPlan> {
    const keepFirst = this.#options.duplicates === "first";
    const hashes = groups.flatMap((group) => group.leafHashes);
    const stored = keepFirst ? await this.#options.store.indexOf(hashes) : [];
    const inBatch = new Map<string, number>();
    const fresh: { entries: Uint8Array[]; leafHashes: Uint8Array[] } = { entries: [], leafHashes: [] };
    let position = 0;
    const place = (entry: Uint8Array, hash: Uint8Array): Appended => {
      const key = keepFirst ? String.fromCharCode(...hash) : "";
      const known = keepFirst ? (stored[position] ?? inBatch.get(key)) : undefined;
      position += 1;
      if (known !== undefined) return { leafIndex: known, leafHash: hash, duplicate: true };
      const leafIndex = this.#range.treeSize + fresh.entries.length;
      if (keepFirst) inBatch.set(key, leafIndex);
      fresh.entries.push(entry);
      fresh.leafHashes.push(hash);
      return { leafIndex, leafHash: hash, duplicate: false };
    };
    const answers = groups.map((group) =>
      group.entries.map((entry, index) => place(entry, hashAt(group, index))),
    );
    return { ...fresh, answers };
  }

  /** Fail stop: whether the batch landed is unknown here, so nothing is carried on from memory. A restart reads the disk. */
  #fail(error: unknown, inFlight: readonly PendingGroup<readonly Appended[]>[]): void {
    const cause = error instanceof TlogError ? `${error.code}: ${error.message}` : String(error);
    const refusal = new TlogError(
      "LOG_READ_ONLY",
      `the log stopped accepting entries after a failed commit (${cause})`,
      {
        cause: error,
      },
    );
    const first = this.#refusal === undefined || this.#refusal.code === "LOG_CLOSING";
    this.#refusal = refusal;
    const waiting = this.#pool.take({
      maxEntries: Number.MAX_SAFE_INTEGER,
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
    for (const group of [...inFlight, ...waiting]) group.reject(refusal);
    if (first) this.#options.onFailure(refusal);
  }
}

interface IndexPlan {
  /** Entries not in the log yet, in the order of their indices. */
  readonly entries: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  /** One list per group, one item per entry. */
  readonly answers: readonly (readonly Appended[])[];
}

function hashAt(group: PendingGroup<readonly Appended[]>, index: number): Uint8Array {
  const hash = group.leafHashes[index];
  if (hash === undefined) throw new InvariantError("a pending group has fewer leaf hashes than entries");
  return hash;
}
