import { type BackoffLimits, backoffMs } from "../../client/backoff.ts";
import { RemoteRefusedError } from "../../client/errors.ts";
import { raceAbort } from "../../client/waiting.ts";
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
  /** Gives every request its time limit. */
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
  readonly backoff: BackoffLimits;
  readonly now: () => number;
  readonly random: () => number;
}

/** One round trip is normal after a restart, another when somebody else submits our heads at the same time. */
const MAX_REQUESTS = 3;

/** A head that waits until the request under way is done. */
interface Waiting {
  readonly head: AskedHead;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The way to one witness: one request at a time, the newest head next. Remembers its size and how long to leave it alone; what
 * it answers decides nothing for anybody else.
 */
export class WitnessLink {
  readonly #options: WitnessLinkOptions;
  readonly #closing = new AbortController();
  #next: Waiting | undefined; // owned by ask() and #work()
  #isWorking = false; // owned by #work()
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
   * A limit for both requests that a 409 makes necessary would leave a witness behind for good that takes more than half of it:
   * what it cosigned too late moves it on, and the next head costs a 409 again. So each answer has its own.
   * @throws {TlogError} ABORTED (also: superseded) | SIZE_CONFLICT (it claims a size this head does not reach, or never agrees),
   *   and what the client, `prove` and `accept` throw
   */
  ask(head: AskedHead): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#next?.reject(new TlogError("ABORTED", "a newer checkpoint is asked for"));
      this.#next = { head, resolve, reject };
      if (!this.#isWorking) void this.#work();
    });
  }

  /** Ends the request under way, and refuses others. */
  close(): void {
    this.#closing.abort(new TlogError("ABORTED", "the log asks no more"));
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let asking = this.#next; asking !== undefined; asking = this.#next) {
      this.#next = undefined;
      await this.#askNow(asking.head).then(asking.resolve, asking.reject);
    }
    this.#isWorking = false;
  }

  async #askNow(head: AskedHead): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) throw signal.reason;
    if (this.#options.now() < this.#readyAt) throw new TlogError("ABORTED", "it failed just before");
    try {
      await raceAbort(this.#exchange(head, signal), signal);
      this.#settle(undefined);
    } catch (error) {
      if (!signal.aborted) this.#settle(error);
      throw error;
    }
  }

  async #exchange(head: AskedHead, signal: AbortSignal): Promise<void> {
    const { client, prove, accept } = this.#options;
    for (let request = 1; ; request += 1) {
      const oldSize = Math.min(this.#knownSize, head.treeSize);
      const proof = await prove({ fromSize: oldSize, toSize: head.treeSize });
      const answer = await client.addCheckpoint({ oldSize, proof, checkpoint: head.checkpoint }, { signal });
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
