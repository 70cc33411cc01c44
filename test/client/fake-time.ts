import type { Sleep } from "../../client/waiting.ts";

/** A clock that moves only when somebody sleeps on it. */
export interface FakeTime {
  readonly now: () => number;
  readonly sleep: Sleep;
  /** Every pause the client made, in milliseconds; request timeouts that did not expire are not pauses. */
  readonly pauses: number[];
}

/**
 * @param options.timeoutMs - sleeps of this length or longer are request timeouts: they wait until their signal aborts, or,
 *   with `expire`, end at once.
 */
export function fakeTime(options: { readonly timeoutMs: number; readonly expire?: boolean }): FakeTime {
  let nowMs = 1_700_000_000_000;
  const pauses: number[] = [];
  return {
    now: () => nowMs,
    pauses,
    sleep: (ms, signal) => {
      if (ms >= options.timeoutMs) return options.expire ? nextTurn() : aborted(signal);
      pauses.push(ms);
      nowMs += ms;
      return nextTurn();
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
