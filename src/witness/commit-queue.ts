import { TlogError } from "../errors.ts";
import type { Guard } from "../keys/guard.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { HeadUpdate, WitnessStore } from "../store/witness-store.ts";

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
  /** Called once, when storage or the guard failed: nothing more will be committed. */
  readonly onFailure: (error: TlogError) => void;
}

/**
 * Makes cosignatures durable, many at a time: while one commit is in flight the next ones gather. A cosignature may leave
 * the process only when `add` resolved: then it is in the store, and the guard outside knows the journal's new size.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = []; // owned by add() and #commitNext()
  #running: Promise<void> | undefined; // owned by #start()
  #refusal: TlogError | undefined; // owned by #fail() and stop()

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
    const applied = await store.commit(updates);
    const journal = await store.journal();
    const { storeId, epoch } = store.writer;
    const signed = { treeSize: journal.treeSize, rootHash: rangeRoot(journal) };
    await guard.write({ origin: name, storeId, epoch, lineage, nextLineage: undefined, signed });
    return applied;
  }

  #fail(cause: unknown, batch: readonly Waiting[]): void {
    const code = cause instanceof TlogError ? `${cause.code}: ` : "";
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new TlogError("WITNESS_READ_ONLY", `the witness stopped signing (${code}${reason})`, {
      cause,
    });
    this.#refusal = error;
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error);
    this.#options.onFailure(error);
  }
}
