import { TlogError } from "../src/errors.ts";

/**
 * The remote answered, and the answer is no: code REMOTE_REFUSED.
 * `status` is the HTTP status (0 when a browser hides it), `problemCode` the stable code of an RFC 9457 problem body.
 */
export class RemoteRefusedError extends TlogError {
  readonly status: number;
  readonly problemCode: string | undefined;
  /** What Retry-After asked for, in milliseconds, when it was sent and readable. */
  readonly retryAfterMs: number | undefined;

  constructor(answer: {
    readonly message: string;
    readonly status: number;
    readonly problemCode?: string | undefined;
    readonly retryAfterMs?: number | undefined;
  }) {
    super("REMOTE_REFUSED", answer.message);
    this.status = answer.status;
    this.problemCode = answer.problemCode;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** Two signed heads of one log that cannot both be honest: what its evidence is made of. */
export interface ForkedHeads {
  readonly origin: string;
  /** The head this client remembered: a signed note, verbatim. */
  readonly remembered: Uint8Array;
  /** The head the log showed now: a signed note, verbatim. */
  readonly shown: Uint8Array;
  /**
   * RFC 6962 §2.1.2 proof from the smaller size to the larger: it ends in the larger head's root, and starts from a root
   * that is not the smaller head's. Empty when the sizes are equal, where the two roots alone contradict each other.
   */
  readonly proof: readonly Uint8Array[];
  /** What the proof starts from, 32 bytes; with equal sizes the larger head's own root. */
  readonly alternativeRoot: Uint8Array;
}

/** The log signed two histories: code LOG_FORKED. Both heads carry the log's valid signature. */
export class LogForkedError extends TlogError {
  readonly heads: ForkedHeads;
  /**
   * A ".tlog-evidence" file that convicts the log before anyone who has its public key, offline: keep it, show it around. Undefined only
   * when the code that makes it could not be loaded (a page, offline); `evidenceFromHeads` makes it from `heads` later.
   */
  readonly evidence: string | undefined;

  constructor(message: string, heads: ForkedHeads, evidence: string | undefined) {
    super("LOG_FORKED", message);
    this.heads = heads;
    this.evidence = evidence;
  }
}
