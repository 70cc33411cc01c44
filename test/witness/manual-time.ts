import type { Sleep } from "../../client/waiting.ts";

/** A clock that moves only when a test moves it. */
export interface ManualTime {
  readonly now: () => number;
  readonly sleep: Sleep;
  /** Moves it on, waking every sleeper at its time and letting each one's work settle before the next. */
  advance(ms: number): Promise<void>;
}

export function manualTime(startMs = 1_700_000_000_000): ManualTime {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  function sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = (): void => {
        sleepers.delete(sleeper);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { atMs: nowMs + ms, wake };
      sleepers.add(sleeper);
      signal.addEventListener("abort", wake);
    });
  }

  async function advance(ms: number): Promise<void> {
    const endMs = nowMs + ms;
    for (;;) {
      await settle();
      const nextMs = Math.min(...[...sleepers].map(({ atMs }) => atMs));
      if (nextMs > endMs) break;
      nowMs = nextMs;
      for (const { atMs, wake } of [...sleepers]) if (atMs <= nowMs) wake();
    }
    nowMs = endMs;
    await settle();
  }

  return { now: () => nowMs, sleep, advance };
}

/** Lets everything go on that waits for nothing outside this process. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
