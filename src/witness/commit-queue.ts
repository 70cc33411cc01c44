import { TlogError } from "../errors.ts";
import type { Guard } from "../keys/guard.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { CosignedHead, HeadUpdate, WitnessStore } from "../store/witness-store.ts";

const MAX_BATCH = 256;

interface Waiting {
  readonly update: HeadUpdate;
  readonly resolve: (wasApplied: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitQueueOptions {
  readonly name: string;
  readonly store: WitnessStore;
  readonly guard: Guard;
  readonly lineage: string;
  /** Called when storage or the guard failed: nothing is committed any more, or not until there is room. */
  readonly onFailure: (error: TlogError) => void;
}

/**
 * Makes cosignatures durable, many at a time: while one commit is in flight the next ones gather. A cosignature leaves the
 * process only once it is confirmed: it is in the store, and the guard outside knows the journal's new size. `add` resolves
 * then, and {@link CommitQueue.head} shows it then and not before.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = []; // owned by add(), #commitAll() and #fail()
  #running: Promise<void> | undefined; // owned by #start()
  /** What was confirmed last of each log whose head in the store is not; undefined: nothing was. */
  readonly #unconfirmed = new Map<string, CosignedHead | undefined>(); // owned by #commit()
  #refusal: TlogError | undefined; // owned by #fail() and stop()
  #storeFull: TlogError | undefined; // owned by #commitAll()

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /**
   * @returns whether the head was still the expected one; if not, nothing was stored.
   * @throws {TlogError} WITNESS_READ_ONLY | WITNESS_CLOSING
   */
  add(update: HeadUpdate): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#waiting.push({ update, resolve, reject });
      this.#start();
    });
  }

  /** The newest head of a log that may be shown. */
  async head(origin: string): Promise<CosignedHead | undefined> {
    const stored = await this.#options.store.head(origin);
    return this.#unconfirmed.has(origin) ? this.#unconfirmed.get(origin) : stored;
  }

  /** Why nothing can be committed: for good, or until there is room again. */
  get failure(): TlogError | undefined {
    return this.#refusal ?? this.#storeFull;
  }

  /** Commits what waits, then refuses. */
  async stop(refusal: TlogError): Promise<void> {
    this.#refusal ??= refusal;
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#commitAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        const applied = await this.#commit(batch.map(({ update }) => update));
        this.#storeFull = undefined;
        batch.forEach(({ resolve }, at) => {
          resolve(applied[at] ?? false);
        });
      } catch (error) {
        this.#fail(error, batch);
      }
    }
  }

  async #commit(updates: readonly HeadUpdate[]): Promise<readonly boolean[]> {
    const { name, store, guard, lineage } = this.#options;
    for (const { origin, expected } of updates) {
      if (!this.#unconfirmed.has(origin)) this.#unconfirmed.set(origin, expected);
    }
    const applied = await store.commit(updates).catch((error: unknown) => {
      // Nothing was stored, so there is nothing to confirm.
      if (isStoreFull(error)) this.#unconfirmed.clear();
      throw error;
    });
    const journal = await store.journal();
    const { storeId, epoch } = store.writer;
    const signed = { treeSize: journal.treeSize, rootHash: rangeRoot(journal) };
    await guard.write({ origin: name, storeId, epoch, lineage, nextLineage: undefined, signed });
    this.#unconfirmed.clear();
    return applied;
  }

  /** A full store refused the batch whole and goes on; anything else leaves open what is stored, and is the end. */
  #fail(cause: unknown, batch: readonly Waiting[]): void {
    const isFull = isStoreFull(cause);
    const code = cause instanceof TlogError ? `${cause.code}: ` : "";
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new TlogError(
      "WITNESS_READ_ONLY",
      `the witness ${isFull ? "signs nothing for lack of room" : "stopped signing"} (${code}${reason})`,
      { cause },
    );
    const isNews = this.failure === undefined;
    if (isFull) this.#storeFull = error;
    else this.#refusal = error;
    const failed = isFull ? batch : [...batch, ...this.#waiting.splice(0)];
    for (const { reject } of failed) reject(error);
    if (isNews || !isFull) this.#options.onFailure(error);
  }
}

function isStoreFull(error: unknown): boolean {
  return error instanceof TlogError && error.code === "STORE_FULL";
}
