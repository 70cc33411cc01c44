import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { type Guard, type GuardedKeys, guardedKeys } from "../keys/guard.ts";
import { type CompactRange, rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { LogStore, SignedHead } from "../store/store.ts";
import { signCheckpoint } from "../tlog/checkpoint.ts";
import type { NoteSigner } from "../tlog/key.ts";
import { changeHashes } from "../tlog/key-history.ts";
import { formatNote, parseNote } from "../tlog/note.ts";
import { FormerSigners, ownSigners, withinTime } from "./former-signers.ts";
import type { Publication } from "./log.ts";
import type { OwnKeys } from "./own-keys.ts";
import { readBack } from "./read-back.ts";
import type { TrailingRows } from "./trailing-rows.ts";

export interface HeadSignerOptions {
  readonly origin: string;
  readonly store: LogStore;
  readonly guard: Guard;
  readonly rows: TrailingRows;
  /** The lineage token this opening holds. */
  readonly lineage: string;
  readonly signers: readonly NoteSigner[];
  readonly keys: Pick<OwnKeys, "history">;
  /** The largest signed tree, rebuilt from storage. */
  readonly verified: CompactRange;
  /** A head this log signed, with the log's signatures alone: it is not signed again. */
  readonly signed: Publication | undefined;
  /** Extension lines of what is signed: of a log that ended. */
  readonly extensions?: readonly string[] | undefined;
  readonly events: LogEvents;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** How long to wait for a signature. */
const SIGNER_TIMEOUT_MS = 10_000;

/**
 * Signs heads. The order is the promise: entries durable, read back, record in the guard, sign. A crash between any two leaves a
 * guarded size that is at least as large as anything ever signed, and a durable tree that has it. The store's own row follows.
 */
export class HeadSigner {
  readonly #options: HeadSignerOptions;
  readonly #own: readonly NoteSigner[];
  readonly #former: FormerSigners;
  readonly #guardedKeys: GuardedKeys | undefined;
  #verified: CompactRange; // owned by #record(): what the next signature reads on from
  #readableSize: number; // owned by #record()
  #newest: Publication | undefined; // owned by sign()

  constructor(options: HeadSignerOptions) {
    this.#options = options;
    this.#own = ownSigners(options.signers);
    this.#former = new FormerSigners(options);
    this.#guardedKeys = guardedKeys(changeHashes(options.keys.history));
    this.#verified = options.verified;
    this.#readableSize = options.verified.treeSize;
    this.#newest = options.signed;
  }

  /** The largest size that is durable: its leaves in the store, its head in the guard. */
  get readableSize(): number {
    return this.#readableSize;
  }

  /**
   * The head of `integrated` with the log's signatures; one call at a time.
   * @throws {TlogError} SIGNER_FAILED | STORE_DAMAGED, and what store and guard throw
   */
  async sign(integrated: CompactRange): Promise<Publication> {
    if (this.#newest?.treeSize === integrated.treeSize) return this.#newest;
    const head = await this.#record(integrated);
    this.#newest = { ...head, checkpoint: await this.#sign(head) };
    return this.#newest;
  }

  async #record(integrated: CompactRange): Promise<SignedHead> {
    const { store, guard, rows, lineage, origin } = this.#options;
    const range = await readBack({ store, verified: this.#verified, treeSize: integrated.treeSize });
    if (!isSameTree(range, integrated)) {
      throw new TlogError(
        "STORE_DAMAGED",
        `at tree size ${range.treeSize} storage and memory have different roots`,
      );
    }
    const head = { treeSize: range.treeSize, rootHash: rangeRoot(range) };
    const { storeId, epoch } = store.writer;
    await guard.write({
      ...{ origin, storeId, epoch, lineage, nextLineage: undefined },
      signed: head,
      keys: this.#guardedKeys,
    });
    rows.signed(head);
    this.#verified = range;
    this.#readableSize = head.treeSize;
    return head;
  }

  async #sign(head: SignedHead): Promise<Uint8Array> {
    try {
      const { origin, extensions = [], events, now } = this.#options;
      const startedAt = now();
      const checkpoint = { origin, ...head, extensions };
      const [own, former] = await Promise.all([
        withinTime(signCheckpoint(checkpoint, this.#own), SIGNER_TIMEOUT_MS),
        this.#former.sign(checkpoint),
      ]);
      const { text, signatures } = parseNote(own);
      const signed = former.length === 0 ? own : formatNote({ text, signatures: [...signatures, ...former] });
      events.checkpointSigned?.({ treeSize: head.treeSize, elapsedMs: now() - startedAt });
      return signed;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TlogError("SIGNER_FAILED", `signing failed: ${reason}`, { cause: error });
    }
  }
}

/** Trees of one size have the same root when they have the same peaks, and by RFC 6962 §2.1 only then. */
function isSameTree(one: CompactRange, other: CompactRange): boolean {
  const areSame = (peak: Uint8Array, at: number): boolean => {
    const same = other.peaks[at];
    return same !== undefined && hashesEqual(peak, same);
  };
  return one.treeSize === other.treeSize && one.peaks.every(areSame);
}
