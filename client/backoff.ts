import { TlogError } from "../src/errors.ts";
import { parseDecimal } from "../src/tlog/encoding.ts";
import { RemoteRefusedError } from "./errors.ts";

/** How waits grow. */
export interface BackoffLimits {
  /** Upper bound of the first wait; it doubles with every attempt. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** When to try again and how long to wait first. */
export interface RetryLimits extends BackoffLimits {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** A Retry-After beyond this is not waited for: the refusal is reported at once. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY: RetryLimits = Object.freeze({
  maxAttempts: 4,
  firstDelayMs: 250,
  maxDelayMs: 8_000,
  maxRetryAfterMs: 15_000,
});

// 429 and 503 are the log's own push-back; 502 and 504 are what a gateway says in its place.
const PUSH_BACK = new Set([429, 502, 503, 504]);

/** Is it worth asking again? Not after an answer that will not change, nor after an abort. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RemoteRefusedError) return PUSH_BACK.has(error.status);
  return (
    error instanceof TlogError && (error.code === "REMOTE_UNREACHABLE" || error.code === "REMOTE_TIMEOUT")
  );
}

/** Exponential backoff with full jitter: between 0 and `firstDelayMs` * 2^attempt, at most `maxDelayMs`. */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number): number {
  const ceiling = Math.min(limits.maxDelayMs, limits.firstDelayMs * 2 ** attempt);
  return Math.ceil(ceiling * random());
}

/**
 * How long to wait before attempt `attempt + 1`.
 * @param attempt - attempts made so far, minus one.
 * @returns milliseconds, or undefined when it is time to give up.
 */
export function retryDelayMs(
  error: unknown,
  attempt: number,
  limits: RetryLimits,
  random: () => number,
): number | undefined {
  if (!isTransient(error) || attempt + 1 >= limits.maxAttempts) return undefined;
  const jittered = backoffMs(attempt, limits, random);
  const asked = error instanceof RemoteRefusedError ? error.retryAfterMs : undefined;
  if (asked === undefined) return jittered;
  return asked > limits.maxRetryAfterMs ? undefined : asked + jittered;
}

/**
 * Reads a Retry-After header: whole seconds, or an HTTP date.  RFC 9110 §10.2.3
 * @returns milliseconds from `nowMs`, at least 0, or undefined when it is absent or unreadable.
 */
export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  // Nine digits: some thirty years, far beyond any limit and safe to multiply.
  if (/^(0|[1-9]\d{0,8})$/.test(value)) return parseDecimal(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
