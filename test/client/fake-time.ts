import type { Sleep } from "../../client/waiting.ts";

/** A clock that moves only when somebody sleeps on it. */
export interface FakeTime {
  readonly now: () => number;
  readonly sleep: Sleep;
  /** Every pause the client made, in milliseconds; time limits are not pauses. */
  readonly pauses: number[];
}

/**
 * @param options.timeoutMs - sleeps of this length or longer are time limits: they move no clock, and end when their signal
 *   aborts, when pauses have used up their time, or, with `expire`, at once.
 */
export function fakeTime(options: { readonly timeoutMs: number; readonly expire?: boolean }): FakeTime {
  let nowMs = 1_700_000_000_000;
  const pauses: number[] = [];
  const limits: { readonly endMs: number; readonly end: () => void }[] = [];
  return {
    now: () => nowMs,
    pauses,
    sleep: (ms, signal) => {
      if (ms >= options.timeoutMs) {
        if (options.expire) return nextTurn();
        const ended = new Promise<void>((end) => limits.push({ endMs: nowMs + ms, end }));
        return Promise.race([ended, aborted(signal)]);
      }
      pauses.push(ms);
      nowMs += ms;
      for (const { endMs, end } of limits) if (endMs <= nowMs) end();
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
