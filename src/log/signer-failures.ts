import { TlogError } from "../errors.ts";

/** A signer that failed is asked again after a second, then after twice as long each time, and at least so often. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 15_000;
/** So long entries are taken that nobody can sign for yet. */
const PATIENCE_MS = 60_000;

/**
 * What a log does while its key cannot be used: a token that starts anew, an agent that was locked. It goes on taking entries for a
 * minute, then turns them away until it can sign again: a key may be lost for ever, and nothing would ever cover what is promised.
 */
export class SignerFailures {
  readonly #now: () => number;
  #since: number | undefined; // owned by failed() and signed()
  #retryMs = MIN_RETRY_MS; // owned by failed() and signed()
  #retryAt = Number.NEGATIVE_INFINITY; // owned by failed()
  #last = ""; // owned by failed()

  constructor(now: () => number) {
    this.#now = now;
  }

  /** When to ask again. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** Why no entries are taken now; undefined: they are. */
  get refusal(): TlogError | undefined {
    if (this.#since === undefined || this.#now() - this.#since < PATIENCE_MS) return undefined;
    return new TlogError("SIGNER_FAILED", `no entries are taken until the log can sign again: ${this.#last}`);
  }

  failed(error: TlogError): void {
    const now = this.#now();
    this.#since ??= now;
    this.#last = error.message;
    this.#retryAt = now + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
  }

  /** Tells of a signature. @returns for how long there was none that was wanted, in milliseconds; undefined: none failed */
  signed(): number | undefined {
    const failedForMs = this.#since === undefined ? undefined : this.#now() - this.#since;
    this.#since = undefined;
    this.#retryMs = MIN_RETRY_MS;
    return failedForMs;
  }
}
