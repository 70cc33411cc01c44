import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Guard } from "../keys/guard.ts";
import { type CompactRange, rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { LogStore, SignedHead } from "../store/store.ts";
import { signCheckpoint } from "../tlog/checkpoint.ts";
import type { NoteSigner } from "../tlog/key.ts";
import type { Publication } from "./log.ts";
import { readBack } from "./read-back.ts";

export interface PublisherOptions {
  readonly origin: string;
  readonly store: LogStore;
  readonly guard: Guard;
  /** The lineage token this opening holds. */
  readonly lineage: string;
  readonly signers: readonly NoteSigner[];
  /** The largest signed tree, rebuilt from storage. */
  readonly verified: CompactRange;
  readonly integrated: CompactRange;
  readonly published: Publication | undefined;
  readonly intervalMs: number;
  readonly events: LogEvents;
  readonly now: () => number;
  /** Called once, when storage or the guard failed: nothing more will be signed. */
  readonly onFailure: (error: TlogError) => void;
}

interface Waiter {
  readonly leafIndex: number;
  readonly resolve: (publication: Publication) => void;
  readonly reject: (error: unknown) => void;
}

/** How long to wait before asking a signer again that failed. */
const SIGNER_RETRY_MS = 1_000;
/** How long to wait for a signature. */
const SIGNER_TIMEOUT_MS = 10_000;
/** What setTimeout can hold; it fires at once when asked for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Signs and publishes heads, one at a time. The order is the promise: read back, record in the store, record in the guard,
 * sign, publish. A crash between any two leaves a recorded size that is at least as large as anything ever signed.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #waiters = new Set<Waiter>();
  #integrated: CompactRange; // owned by integrated()
  #verified: CompactRange; // owned by #recordHead(): what the next signature reads on from
  #readableSize: number; // owned by #recordHead()
  #publication: Publication | undefined; // owned by #publishOnce()
  #lastPublishedAt: number; // owned by #publishOnce()
  #running: Promise<void> | undefined; // owned by #start()
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #schedule(), publishFirst() and stop()
  #signerFailure: TlogError | undefined; // owned by #fail()
  #notBefore: number; // owned by #fail(): when to ask a failing signer again
  #refusal: TlogError | undefined; // owned by stop() and #fail()

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#integrated = options.integrated;
    this.#verified = options.verified;
    this.#readableSize = options.verified.treeSize;
    this.#publication = options.published;
    this.#lastPublishedAt = Number.NEGATIVE_INFINITY;
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  get publication(): Publication | undefined {
    return this.#publication;
  }

  /** The largest size that is durable as signed, in the store and in the guard. */
  get readableSize(): number {
    return this.#readableSize;
  }

  /** Tells the publisher that the tree grew. */
  integrated(range: CompactRange): void {
    this.#integrated = range;
    this.#schedule();
  }

  /**
   * For the opening: publishes the integrated head unless it is published already.
   * @throws {TlogError} SIGNER_FAILED | LOG_READ_ONLY when the log has no checkpoint then: no log comes of this opening.
   */
  async publishFirst(): Promise<void> {
    if (this.#isBehind()) await this.#start();
    if (this.#publication !== undefined) return;
    this.#refusal ??= this.#signerFailure;
    clearTimeout(this.#timer);
    throw this.#refusal ?? new InvariantError("a head was published without a checkpoint");
  }

  untilPublished(leafIndex: number, signal: AbortSignal): Promise<Publication> {
    return new Promise((resolve, reject) => {
      if (this.#publication !== undefined && leafIndex < this.#publication.treeSize) {
        resolve(this.#publication);
        return;
      }
      if (this.#refusal !== undefined) throw this.#refusal;
      if (signal.aborted) throw aborted();
      const waiter: Waiter = {
        leafIndex,
        resolve: (publication) => settle(() => resolve(publication)),
        reject: (error) => settle(() => reject(error)),
      };
      const onAbort = () => waiter.reject(aborted());
      const settle = (act: () => void) => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        act();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#schedule();
    });
  }

  /** Publishes what is integrated, then refuses: waiters that are not covered get `refusal`. */
  async stop(refusal: TlogError): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
    if (this.#refusal === undefined && this.#isBehind()) await this.#start();
    clearTimeout(this.#timer);
    this.#refusal ??= refusal;
    for (const waiter of [...this.#waiters]) waiter.reject(refusal);
  }

  #isBehind(): boolean {
    return this.#publication === undefined || this.#publication.treeSize < this.#integrated.treeSize;
  }

  /** Somebody waiting for a receipt triggers publication at once, else the interval decides. */
  #schedule(): void {
    if (this.#running !== undefined || this.#refusal !== undefined || !this.#isBehind()) return;
    const isAwaited = this.#waiters.size > 0;
    const wantedAt = isAwaited ? Number.NEGATIVE_INFINITY : this.#lastPublishedAt + this.#options.intervalMs;
    const dueInMs = Math.max(wantedAt, this.#notBefore) - this.#options.now();
    clearTimeout(this.#timer);
    if (dueInMs <= 0) void this.#start();
    else this.#timer = setTimeout(() => this.#schedule(), Math.min(dueInMs, MAX_TIMER_MS));
  }

  #start(): Promise<void> {
    this.#running ??= this.#publishOnce()
      .catch((error: unknown) => this.#fail(error))
      .then(() => {
        this.#running = undefined;
        this.#schedule();
      });
    return this.#running;
  }

  async #publishOnce(): Promise<void> {
    const startedAt = this.#options.now();
    const head = await this.#recordHead();
    const checkpoint = await this.#sign(head);
    await this.#options.store.publish({ treeSize: head.treeSize, checkpoint });
    this.#publication = { ...head, checkpoint };
    this.#lastPublishedAt = this.#options.now();
    this.#options.events.checkpointPublished?.({
      treeSize: head.treeSize,
      elapsedMs: this.#lastPublishedAt - startedAt,
    });
    for (const waiter of [...this.#waiters]) {
      if (waiter.leafIndex < head.treeSize) waiter.resolve(this.#publication);
    }
  }

  async #recordHead(): Promise<SignedHead> {
    const integrated = this.#integrated;
    const { store, guard, lineage, origin } = this.#options;
    const range = await readBack({ store, verified: this.#verified, treeSize: integrated.treeSize });
    const head = { treeSize: range.treeSize, rootHash: rangeRoot(range) };
    if (!hashesEqual(head.rootHash, rangeRoot(integrated))) {
      throw new TlogError(
        "STORE_DAMAGED",
        `at tree size ${head.treeSize} storage and memory have different roots`,
      );
    }
    await store.recordSigned(head);
    const { storeId, epoch } = store.writer;
    await guard.write({ origin, storeId, epoch, lineage, nextLineage: undefined, signed: head });
    this.#verified = range;
    this.#readableSize = head.treeSize;
    return head;
  }

  async #sign(head: SignedHead): Promise<Uint8Array> {
    try {
      const checkpoint = { origin: this.#options.origin, ...head, extensions: [] };
      return await withinTime(signCheckpoint(checkpoint, this.#options.signers));
    } catch (error) {
      throw new TlogError("SIGNER_FAILED", `signing failed: ${messageOf(error)}`, { cause: error });
    }
  }

  /** A signer may come back (an agent, a key service); storage and guard are trusted no more until a restart. */
  #fail(error: unknown): void {
    if (error instanceof TlogError && error.code === "SIGNER_FAILED") {
      this.#signerFailure = error;
      this.#notBefore = this.#options.now() + SIGNER_RETRY_MS;
      this.#options.events.warning?.({ code: error.code, message: `${error.message}; will try again` });
      return;
    }
    const code = error instanceof TlogError ? `${error.code}: ` : "";
    const message = `the log stopped signing (${code}${messageOf(error)})`;
    this.#refusal = new TlogError("LOG_READ_ONLY", message, { cause: error });
    for (const waiter of [...this.#waiters]) waiter.reject(this.#refusal);
    this.#options.onFailure(this.#refusal);
  }
}

/** A signer that hangs must not hold up the log's closing. A signature that comes later is not used, and does no harm. */
async function withinTime(signing: Promise<Uint8Array>): Promise<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `no signature within ${SIGNER_TIMEOUT_MS} ms`;
    timer = setTimeout(() => reject(new TlogError("SIGNER_FAILED", message)), SIGNER_TIMEOUT_MS);
  });
  return await Promise.race([signing, late]).finally(() => clearTimeout(timer));
}

function aborted(): TlogError {
  return new TlogError("ABORTED", "the wait for publication was aborted");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
