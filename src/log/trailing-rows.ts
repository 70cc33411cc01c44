import type { Batch, HeadRows, LogStore, PublishedHead, SignedHead } from "../store/store.ts";

/** How long rows wait for entries whose commit takes them along. */
const RIDE_MS = 50;

export interface TrailingRowsOptions {
  readonly store: LogStore;
  /** Checkpoints are shown before they are recorded. */
  readonly mayTrail: boolean;
  /** The head the guard has and storage does not record yet. */
  readonly unrecorded: SignedHead | undefined;
  /** What storage records as published, when this opening goes on from it. */
  readonly published: PublishedHead | undefined;
  /** A write of rows that nobody waited for failed. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The store's own record of what is signed and published: it follows the guard's, which is the one that a signature waits for. Only
 * the newest matters, and a commit of entries takes it along. spec/decisions/0032
 */
export class TrailingRows {
  readonly #options: TrailingRowsOptions;
  #pending: HeadRows | undefined; // owned by #note() and #settle(): not known to be durable
  #riding: { readonly rows: HeadRows; readonly ended: Promise<unknown> } | undefined; // owned by commit()
  #failure: { readonly error: unknown } | undefined; // owned by flush(): what it threw, after which nothing is written
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #note() and flush()

  constructor(options: TrailingRowsOptions) {
    this.#options = options;
    const { mayTrail, published, unrecorded } = options;
    if (unrecorded !== undefined) this.#pending = { signed: unrecorded };
    // Says so before a checkpoint is shown first, or clears it.
    if (published !== undefined && (published.mayTrail === true) !== mayTrail) {
      this.#pending = { ...this.#pending, published: { ...published, mayTrail } };
    }
  }

  /** @param head - in the guard already. */
  signed(head: SignedHead): void {
    this.#note({ signed: { treeSize: head.treeSize, rootHash: head.rootHash } });
  }

  /** Resolves when the head may be shown. @throws {TlogError} what the store throws */
  async published({ treeSize, checkpoint }: PublishedHead): Promise<void> {
    const { mayTrail } = this.#options;
    this.#note({ published: { treeSize, checkpoint, mayTrail } });
    if (!mayTrail) await this.flush();
  }

  /** Commits entries, and rows that wait. One call at a time. */
  async commit(batch: Batch): Promise<void> {
    const rows = this.#failure === undefined ? this.#pending : undefined;
    const committed = this.#options.store.commit(rows === undefined ? batch : { ...batch, heads: rows });
    if (rows === undefined) return await committed;
    this.#riding = { rows, ended: committed.catch(() => undefined) };
    try {
      await committed;
      this.#settle(rows);
    } finally {
      this.#riding = undefined;
    }
  }

  /** Resolves when all that was noted is durable. @throws {TlogError} what the store throws */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#riding !== undefined && this.#riding.rows === this.#pending) await this.#riding.ended;
    if (this.#failure !== undefined) throw this.#failure.error;
    const rows = this.#pending;
    if (rows === undefined) return;
    try {
      await this.#options.store.recordHeads(rows);
      this.#settle(rows);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #note(rows: HeadRows): void {
    this.#pending = { ...this.#pending, ...rows };
    this.#timer ??= setTimeout(() => {
      this.flush().catch(this.#options.onFailure);
    }, RIDE_MS);
  }

  #settle(rows: HeadRows): void {
    if (this.#pending === rows) this.#pending = undefined;
  }
}
