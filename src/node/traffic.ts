/** What a run of the conformance tester may cost the servers it talks to: one request at a time, a pace, and totals. */
import { setTimeout as sleepOnTimer } from "node:timers/promises";
import { TlogError } from "../errors.ts";

export interface TrafficLimits {
  /** Requests start no closer to each other than this says. */
  readonly ratePerSecond: number;
  /** In all; those repeated count too. */
  readonly maxRequests: number;
  /** Sent and received in all, as counted at the socket. */
  readonly maxBytes: number;
  /** After so long no request starts any more; waits that would end later are not begun. Default: half an hour. */
  readonly maxElapsedMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds, for the pace. Default: performance.now. */
  readonly now?: () => number;
  /** Ends early, without an error, when the signal aborts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Traffic {
  /** Does `work` when all that was handed in before is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Waits for the moment when the next request may start, and counts it.
   * @returns how many bytes its answer may bring.
   * @throws {TlogError} PROBE_EXHAUSTED | ABORTED
   */
  admit(bodyBytes: number): Promise<number>;
  /** Counts bytes sent or received. */
  meter(bytes: number): void;
  /** Waits, unless the run has to end before. @throws {TlogError} PROBE_EXHAUSTED | ABORTED */
  wait(ms: number): Promise<void>;
  /** Halves the pace from now on, down to one request in 10 s. */
  slowDown(): void;
  readonly requests: () => number;
  readonly bytes: () => number;
  /** @returns the error of code PROBE_EXHAUSTED for a total that is used up. */
  usedUp(total: "requests" | "bytes" | "seconds"): TlogError;
}

const HALF_AN_HOUR_MS = 30 * 60_000;
const SLOWEST_INTERVAL_MS = 10_000;

export function openTraffic(limits: TrafficLimits): Traffic {
  const { now = () => performance.now(), sleep = sleepQuietly, signal, maxRequests, maxBytes } = limits;
  const { maxElapsedMs = HALF_AN_HOUR_MS } = limits;
  const endsAtMs = now() + maxElapsedMs;
  let requests = 0; // owned by admit()
  let bytes = 0; // owned by meter()
  let intervalMs = 1000 / limits.ratePerSecond; // owned by slowDown()
  let lastStartMs = Number.NEGATIVE_INFINITY; // owned by admit()
  let turn: Promise<unknown> = Promise.resolve(); // owned by inTurn()

  function usedUp(total: "requests" | "bytes" | "seconds"): TlogError {
    const limit = { requests: maxRequests, bytes: maxBytes, seconds: maxElapsedMs / 1000 }[total];
    return new TlogError("PROBE_EXHAUSTED", `all ${limit} ${total} of this run are used`);
  }
  function throwIfAborted(): void {
    if (signal.aborted) throw new TlogError("ABORTED", "the run was interrupted");
  }
  async function wait(ms: number): Promise<void> {
    throwIfAborted();
    if (now() + ms >= endsAtMs) throw usedUp("seconds");
    await sleep(ms, signal);
    throwIfAborted();
  }

  return {
    inTurn(work) {
      const mine = turn.then(work);
      turn = mine.catch(() => {});
      return mine;
    },
    async admit(bodyBytes) {
      throwIfAborted();
      const left = maxBytes - bytes - bodyBytes;
      if (requests >= maxRequests) throw usedUp("requests");
      if (left <= 0) throw usedUp("bytes");
      await wait(Math.max(0, lastStartMs + intervalMs - now()));
      lastStartMs = now();
      requests += 1;
      return left;
    },
    meter(count) {
      bytes += count;
    },
    wait,
    slowDown() {
      intervalMs = Math.min(2 * intervalMs, SLOWEST_INTERVAL_MS);
    },
    requests: () => requests,
    bytes: () => bytes,
    usedUp,
  };
}

async function sleepQuietly(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleepOnTimer(ms, undefined, { signal }).catch(() => {});
}
