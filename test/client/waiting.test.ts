import { expect, test, vi } from "vitest";
import { sleepOnTimer } from "../../client/waiting.ts";

test("a wait longer than a timer can be is a long one, not one of a millisecond", () => {
  vi.useFakeTimers();
  try {
    const { signal } = new AbortController();
    for (const ms of [2 ** 31, Number.POSITIVE_INFINITY]) {
      const timer = vi.spyOn(globalThis, "setTimeout");
      void sleepOnTimer(ms, signal);
      expect(timer.mock.lastCall?.[1]).toBe(2 ** 31 - 1);
      timer.mockRestore();
    }
  } finally {
    vi.useRealTimers();
  }
});
