import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { CompactRange } from "../merkle/compact-range.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import type { CosignRound, CosignStage } from "./cosign.ts";
import { hasKeysOf, mergedNote, withCosignatures } from "./cosignatures.ts";
import type { Publication } from "./log.ts";
import type { HeadSigner } from "./sign-head.ts";
import { SignerFailures } from "./signer-failures.ts";
import type { TrailingRows } from "./trailing-rows.ts";
import { Waiters } from "./waiters.ts";

export interface PublisherOptions {
  readonly signer: HeadSigner;
  readonly rows: TrailingRows;
  /** Who has to cosign before readers see a head; undefined: nobody. */
  readonly stage: CosignStage | undefined;
  readonly integrated: CompactRange;
  /** What may be shown; undefined when there is none, or when a later one may have been shown. */
  readonly published: Publication | undefined;
  /** Whether another checkpoint has to take the place of one of the same size: of a log that ended. It never has less than that one had. */
  readonly isOutdated: (publication: Publication) => boolean;
  /** Whether somebody waits for that: who ends a log wants to know that its last checkpoint is there. */
  readonly isReplacementAwaited: boolean;
  readonly intervalMs: number;
  readonly events: LogEvents;
  readonly now: () => number;
  /** Called once, when storage or the guard failed: nothing more will be signed. */
  readonly onFailure: (error: TlogError) => void;
}

/** What setTimeout can hold; it fires at once when asked for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Publishes heads, one at a time: sign (see {@link HeadSigner}), gather cosignatures, show. A head without its quorum is signed and
 * known to witnesses, and readers never see it; the next attempt takes the newest head. Storage records what is shown after it is
 * shown, or before, see {@link TrailingRows}: a cosigned head could not be shown again at once after a crash.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #waiters = new Waiters();
  readonly #background = new Set<Promise<void>>(); // owned by #inBackground(): what closing waits for
  #integrated: CompactRange; // owned by integrated()
  #publication: Publication | undefined; // owned by #show()
  #lastAttemptAt = Number.NEGATIVE_INFINITY; // owned by #publishOnce(): its end
  #running: Promise<void> | undefined; // owned by #start()
  #isRefreshing = false; // owned by #refresh()
  #lastRefreshAt = Number.NEGATIVE_INFINITY; // owned by #refresh(): its end
  #writing: Promise<unknown> = Promise.resolve(); // owned by #show(): one write at a time, or an older head could follow a newer
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #schedule(), publishFirst() and stop()
  #signerFailure: TlogError | undefined; // owned by fail()
  readonly #signerFailures: SignerFailures;
  #isStopping = false; // owned by stop()
  #refusal: TlogError | undefined; // owned by stop() and fail()

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#signerFailures = new SignerFailures(options.now);
    this.#integrated = options.integrated;
    this.#publication = options.published;
  }

  get publication(): Publication | undefined {
    return this.#publication;
  }

  /** See {@link HeadSigner.readableSize}. */
  get readableSize(): number {
    return this.#options.signer.readableSize;
  }

  /** Why no entries are taken now: nobody can sign for them, for a minute already. Undefined: they are. */
  get signerRefusal(): TlogError | undefined {
    return this.#signerFailures.refusal;
  }

  /** Tells the publisher that the tree grew. */
  integrated(range: CompactRange): void {
    this.#integrated = range;
    this.#schedule();
  }

  /**
   * For the opening: sees to it that there is a checkpoint, and that it is recorded. Without witnesses it is the one of the
   * integrated head; with them the one that was published last stays until the quorum holds, and only a new log does not wait for it.
   * @throws {TlogError} SIGNER_FAILED | LOG_READ_ONLY | QUORUM_NOT_MET when the log has no checkpoint then, or not the one that is
   *   awaited: no log comes of this opening.
   */
  async publishFirst(): Promise<void> {
    const { isReplacementAwaited } = this.#options;
    const isFirst = this.#publication === undefined || isReplacementAwaited;
    await this.#record();
    if ((this.#options.stage === undefined || isFirst) && this.#isBehind()) await this.#start();
    else this.#schedule();
    await this.#record();
    const isRefused = isFirst && this.#refusal !== undefined;
    const isThere = this.#publication !== undefined && !(isReplacementAwaited && this.#isBehind());
    if (isThere && !isRefused) return;
    this.#refusal ??=
      this.#signerFailure ?? new TlogError("QUORUM_NOT_MET", "no quorum, and no checkpoint yet");
    clearTimeout(this.#timer);
    this.#options.stage?.abort();
    throw this.#refusal;
  }

  async untilPublished(leafIndex: number, signal: AbortSignal): Promise<Publication> {
    if (this.#publication !== undefined && leafIndex < this.#publication.treeSize) return this.#publication;
    if (this.#refusal !== undefined) throw this.#refusal;
    const waiting = this.#waiters.wait(leafIndex, signal);
    this.#schedule();
    return await waiting;
  }

  /** Publishes what is integrated, if that can be done soon, then refuses: waiters that are not covered get `refusal`. */
  async stop(refusal: TlogError): Promise<void> {
    const { stage } = this.#options;
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const patience = setTimeout(() => stage?.abort(), stage?.closingMs);
    await this.#running;
    if (this.#refusal === undefined && this.#isBehind()) await this.#start();
    clearTimeout(patience);
    stage?.abort();
    await Promise.all(this.#background);
    await this.#record();
    this.#refusal ??= refusal;
    this.#waiters.rejectAll(refusal);
  }

  /** What failed decides what follows. A signer may come back (an agent, a key service); storage and guard are trusted no more until a restart. */
  fail(error: unknown): void {
    if (error instanceof TlogError && error.code === "SIGNER_FAILED") {
      this.#signerFailure = error;
      this.#signerFailures.failed(error);
      this.#options.events.warning?.({ code: error.code, message: `${error.message}; will try again` });
      return;
    }
    const code = error instanceof TlogError ? `${error.code}: ` : "";
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the log stopped signing (${code}${reason})`;
    this.#refusal = new TlogError("LOG_READ_ONLY", message, { cause: error });
    this.#waiters.rejectAll(this.#refusal);
    this.#options.stage?.abort();
    this.#options.onFailure(this.#refusal);
  }

  async #record(): Promise<void> {
    await this.#options.rows.flush().catch((error: unknown) => this.fail(error));
  }

  #isBehind(): boolean {
    const publication = this.#publication;
    if (publication === undefined || publication.treeSize < this.#integrated.treeSize) return true;
    return this.#isOutdated();
  }

  #isOutdated(): boolean {
    const publication = this.#publication;
    if (publication?.treeSize !== this.#integrated.treeSize) return false;
    return this.#options.isOutdated(publication);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#running !== undefined || this.#refusal !== undefined || this.#isStopping) return;
    const isBehind = this.#isBehind();
    const dueInMs = (isBehind ? this.#publishAt() : this.#refreshAt()) - this.#options.now();
    if (dueInMs === Number.POSITIVE_INFINITY) return;
    if (dueInMs > 0) this.#timer = setTimeout(() => this.#schedule(), Math.min(dueInMs, MAX_TIMER_MS));
    else if (isBehind) void this.#start();
    else this.#refresh();
  }

  /** Somebody waiting for a receipt triggers publication at once, else the interval decides; with witnesses it always does. */
  #publishAt(): number {
    const { stage, intervalMs } = this.#options;
    const isAtOnce = this.#waiters.size > 0 && stage === undefined;
    const pacedAt = isAtOnce ? Number.NEGATIVE_INFINITY : this.#lastAttemptAt + intervalMs;
    const isRetry = stage !== undefined && (stage.isStrict || this.#isOutdated());
    const retryAt = isRetry ? stage.retryAt : Number.NEGATIVE_INFINITY;
    return Math.max(pacedAt, retryAt, this.#signerFailures.retryAt);
  }

  #refreshAt(): number {
    const { stage, intervalMs } = this.#options;
    // Readers have the empty tree at once, witnesses never: Sunlight v0.8.1 cosigns it, and refuses every later head of that log.
    const isEmpty = this.#integrated.treeSize === 0;
    if (stage === undefined || this.#isRefreshing || isEmpty) return Number.POSITIVE_INFINITY;
    return Math.max(stage.refreshAt, this.#lastRefreshAt + intervalMs, this.#lastAttemptAt + intervalMs);
  }

  #start(): Promise<void> {
    this.#running ??= this.#publishOnce()
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        this.#running = undefined;
        this.#schedule();
      });
    return this.#running;
  }

  async #publishOnce(): Promise<void> {
    const { signer, stage, now } = this.#options;
    const startedAt = now();
    const signed = await signer.sign(this.#integrated);
    const failedForMs = this.#signerFailures.signed();
    if (failedForMs !== undefined) this.#options.events.signerRecovered?.({ failedForMs });
    if (this.#refusal !== undefined) return;
    // An empty tree promises nothing, so nobody has to vouch for it.
    if (stage === undefined || signed.treeSize === 0) {
      await this.#publish(signed, startedAt);
      if (stage === undefined) this.#lastAttemptAt = now();
      return;
    }
    const round = stage.gather(signed);
    const { isQuorumMet, cosignatures } = await round.decided;
    this.#lastAttemptAt = now();
    const checkpoint = withCosignatures(signed.checkpoint, cosignatures);
    if (!isQuorumMet && (stage.isStrict || this.#hasMore(checkpoint))) return;
    await this.#publish({ ...signed, checkpoint }, startedAt);
    this.#lastAttemptAt = now();
    this.#inBackground(this.#mergeLate(signed, round));
  }

  /** Whether the published checkpoint is of the same tree, and somebody signed that one alone. */
  #hasMore(checkpoint: Uint8Array): boolean {
    return this.#isOutdated() && !hasKeysOf(checkpoint, this.#publication?.checkpoint ?? checkpoint);
  }

  async #publish(publication: Publication, startedAt: number): Promise<void> {
    if (!(await this.#show(() => publication))) return;
    this.#options.events.checkpointPublished?.({
      treeSize: publication.treeSize,
      elapsedMs: this.#options.now() - startedAt,
    });
    this.#waiters.resolve(publication);
  }

  /** Asks again about the published head, beside everything else: whoever adds an entry meanwhile does not wait for it. */
  #refresh(): void {
    const { signer, stage, now } = this.#options;
    if (stage === undefined)
      throw new InvariantError("a log without witnesses has no cosignatures to refresh");
    this.#isRefreshing = true;
    const refreshing = signer
      .sign(this.#integrated)
      .then((signed) => this.#mergeLate(signed, stage.gather(signed)));
    const done = () => {
      this.#isRefreshing = false;
      this.#lastRefreshAt = now();
      this.#schedule();
    };
    this.#inBackground(refreshing.finally(done));
  }

  /**
   * All that came after the decision, in one write, and nothing but signature lines: dropped once another size is published. No
   * line is lost, so what met a policy meets it still.
   */
  async #mergeLate(signed: Publication, round: CosignRound): Promise<void> {
    const { treeSize } = signed;
    const outcome = await round.settled;
    const { cosignatures } = outcome;
    const shown = await this.#show(() => {
      const current = this.#publication;
      if (current?.treeSize !== treeSize) return undefined;
      const checkpoint = mergedNote(current.checkpoint, { own: signed.checkpoint, ...outcome });
      return bytesEqual(current.checkpoint, checkpoint) ? undefined : { ...current, checkpoint };
    });
    if (shown) this.#options.events.cosignaturesMerged?.({ treeSize, cosignatures: cosignatures.length });
  }

  /** Records and makes visible what `next` says when its turn has come. @returns whether there was something to show. */
  async #show(next: () => Publication | undefined): Promise<boolean> {
    const write = this.#writing.then(async () => {
      const publication = this.#refusal === undefined ? next() : undefined;
      if (publication === undefined) return false;
      await this.#options.rows.published(publication);
      this.#publication = publication;
      return true;
    });
    this.#writing = write.catch(() => undefined);
    return await write;
  }

  #inBackground(work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
