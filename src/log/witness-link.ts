import { type BackoffLimits, backoffMs } from "../../client/backoff.ts";
import { RemoteRefusedError } from "../../client/errors.ts";
import { linkedController, raceAbort } from "../../client/waiting.ts";
import type { WitnessClient } from "../../client/witness-client.ts";
import { TlogError } from "../errors.ts";
import type { AddCheckpointRequest } from "../tlog/add-checkpoint.ts";
import type { NoteSignature } from "../tlog/note.ts";

/** A head with the log's signatures, as it goes to witnesses. */
export interface AskedHead {
  readonly treeSize: number;
  /** The signed note. */
  readonly checkpoint: Uint8Array;
}

export interface WitnessLinkOptions {
  readonly client: WitnessClient;
  /** RFC 6962 §2.1.2 proof between two sizes this log signed. */
  readonly prove: (between: {
    readonly fromSize: number;
    readonly toSize: number;
  }) => Promise<AddCheckpointRequest["proof"]>;
  /** Verifies what came for a head. @throws {TlogError} when nothing in it counts: the witness is then left alone for a while. */
  readonly accept: (head: AskedHead, lines: readonly NoteSignature[]) => Promise<void>;
  /** The size of the last checkpoint this witness is known to have cosigned; 0: unknown. */
  readonly knownSize: number;
  readonly timeoutMs: number;
  readonly backoff: BackoffLimits;
  readonly now: () => number;
  readonly random: () => number;
}

/** One round trip is normal after a restart, another when somebody else submits our heads at the same time. */
const MAX_REQUESTS = 3;

/**
 * The way to one witness: one request at a time, the newest head next. Remembers its size and how long to leave it alone; what
 * it answers decides nothing for anybody else.
 */
export class WitnessLink {
  readonly #options: WitnessLinkOptions;
  #turn = 0; // owned by ask()
  #underWay: Promise<unknown> = Promise.resolve(); // owned by ask()
  #knownSize: number; // owned by #exchange()
  #failures = 0; // owned by #settle()
  #readyAt = Number.NEGATIVE_INFINITY; // owned by #settle()

  constructor(options: WitnessLinkOptions) {
    this.#options = options;
    this.#knownSize = options.knownSize;
  }

  /** When it may be asked again, on the clock of `now`. */
  get readyAt(): number {
    return this.#readyAt;
  }

  /**
   * Asks for a cosignature of `head`, when the request under way is done; a later call takes the place of one that still waits.
   * @throws {TlogError} ABORTED (also: superseded) | SIZE_CONFLICT (it claims a size this head does not reach, or never agrees) |
   *   REMOTE_TIMEOUT, and what the client, `prove` and `accept` throw
   */
  async ask(head: AskedHead, signal: AbortSignal): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    await raceAbort(this.#underWay, signal);
    if (turn !== this.#turn) throw new TlogError("ABORTED", "a newer checkpoint is asked for");
    if (this.#options.now() < this.#readyAt) throw new TlogError("ABORTED", "it failed just before");
    const asking = this.#askWithin(head, signal);
    this.#underWay = asking.catch(() => undefined);
    await asking;
  }

  async #askWithin(head: AskedHead, closing: AbortSignal): Promise<void> {
    const { timeoutMs } = this.#options;
    const { controller, release } = linkedController(closing);
    const late = new TlogError("REMOTE_TIMEOUT", `no cosignature within ${timeoutMs} ms`);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    try {
      await raceAbort(this.#exchange(head, controller.signal), controller.signal);
      this.#settle(undefined);
    } catch (error) {
      if (!closing.aborted) this.#settle(error);
      throw error;
    } finally {
      clearTimeout(timer);
      release();
      controller.abort();
    }
  }

  async #exchange(head: AskedHead, signal: AbortSignal): Promise<void> {
    const { client, prove, accept } = this.#options;
    for (let request = 1; ; request += 1) {
      const oldSize = Math.min(this.#knownSize, head.treeSize);
      const proof = await prove({ fromSize: oldSize, toSize: head.treeSize });
      const answer = await client.addCheckpoint({ oldSize, proof, checkpoint: head.checkpoint }, { signal });
      // Too late: what this head is worth was decided without it.
      if (signal.aborted) throw signal.reason;
      if (answer.status === "cosigned") {
        await accept(head, answer.lines);
        this.#knownSize = head.treeSize;
        return;
      }
      this.#learnSize(answer.treeSize, { oldSize, head, request });
    }
  }

  /** A witness may be anywhere this log has been; what it claims beyond that, or over and over, is not worth a request. */
  #learnSize(
    claimed: number,
    at: { readonly oldSize: number; readonly head: AskedHead; readonly request: number },
  ): void {
    if (claimed > at.head.treeSize) {
      throw new TlogError(
        "SIZE_CONFLICT",
        `claims to have cosigned size ${claimed}, this log has signed ${at.head.treeSize}: one of the two lost its memory, or lies`,
      );
    }
    if (claimed === at.oldSize || at.request === MAX_REQUESTS) {
      throw new TlogError(
        "SIZE_CONFLICT",
        `asked with old size ${at.oldSize}, it still wants ${claimed} after ${at.request} requests`,
      );
    }
    this.#knownSize = claimed;
  }

  #settle(error: unknown): void {
    const { now, backoff, random } = this.#options;
    if (error === undefined) {
      this.#failures = 0;
      this.#readyAt = Number.NEGATIVE_INFINITY;
      return;
    }
    const delayMs = backoffMs(this.#failures, backoff, random);
    const askedMs = error instanceof RemoteRefusedError ? (error.retryAfterMs ?? 0) : 0;
    this.#failures += 1;
    this.#readyAt = now() + Math.max(delayMs, Math.min(askedMs, MAX_RETRY_AFTER_MS));
  }
}

/** However long a witness asks to be left alone. */
const MAX_RETRY_AFTER_MS = 3_600_000;
