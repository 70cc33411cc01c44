/** One server under test, reached over HTTP with nothing between that would tidy up what is sent or what comes back. */
import { orUndefined, TlogError } from "../errors.ts";
import { parseDecimal } from "../tlog/encoding.ts";

/** A request exactly as it goes out. */
export interface ProbeRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "OPTIONS";
  /** Below the server's prefix, without a leading slash, sent as it stands: "tile/0/x001/../000". ASCII without blanks. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An answer exactly as it came: no redirect followed, no Content-Encoding undone. */
export interface ProbeAnswer {
  readonly status: number;
  /** By lower-case name; values of repeated fields are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** The way to a server. It paces requests and bounds how many there are, how long each takes and how much comes back. */
export interface Probe {
  /** Where it points: with a trailing slash. */
  readonly url: string;
  /**
   * @throws {TlogError} REMOTE_UNREACHABLE (also a connection that the server closed without an answer) | REMOTE_TIMEOUT |
   *   REMOTE_TOO_LARGE | PROBE_EXHAUSTED (all requests or bytes that this run may use are used) | ABORTED
   */
  exchange(request: ProbeRequest): Promise<ProbeAnswer>;
  /** Requests sent so far. */
  readonly requests: () => number;
}

/** Answers that say "not now", or that come from something before a server that did not answer in time. */
const BUSY_STATUSES = [429, 502, 503, 504];
const MAX_RETRY_AFTER_SECONDS = 30;

export function isBusy({ status }: ProbeAnswer): boolean {
  return BUSY_STATUSES.includes(status);
}

/** Whether nothing came: one lost connection, or one late answer, is no fault of what was asked. */
export function isSilence(error: unknown): error is TlogError {
  return error instanceof TlogError && ["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT"].includes(error.code);
}

/**
 * How long to wait before the same is asked again: what Retry-After says, a second without it, and 30 s where it is a date or
 * longer than anybody waits here.
 */
export function retryAfterMs({ headers }: ProbeAnswer): number {
  const text = headers.get("retry-after");
  if (text === undefined) return 1000;
  const seconds = orUndefined(() => parseDecimal(text, { max: MAX_RETRY_AFTER_SECONDS }));
  return 1000 * (seconds ?? MAX_RETRY_AFTER_SECONDS);
}

/**
 * The same way to the server, where "not now" is no answer: it says nothing about what the server would answer.
 * @returns a probe whose `exchange` also throws SERVER_BUSY, for 429, 502, 503 and 504.
 */
export function unlessBusy(probe: Probe): Probe {
  return {
    url: probe.url,
    requests: probe.requests,
    async exchange(request) {
      const answer = await probe.exchange(request);
      if (isBusy(answer)) throw new TlogError("SERVER_BUSY", `the server answered ${answer.status}`);
      return answer;
    },
  };
}
