import { getEventListeners } from "node:events";
import { expect, test, vi } from "vitest";
import { linkedController, sleepOnTimer } from "../../client/waiting.ts";

test("a wait longer than a timer can be is a long one, not one of a millisecond", () => {
  const { signal } = new AbortController();
  for (const ms of [2 ** 31, Number.POSITIVE_INFINITY]) {
    const real = setTimeout(() => {}, 0);
    const timer = vi.spyOn(globalThis, "setTimeout").mockReturnValue(real);
    void sleepOnTimer(ms, signal);
    expect(timer.mock.lastCall?.[1]).toBe(2 ** 31 - 1);
    timer.mockRestore();
  }
});

test("a hundred controllers link to one signal with one listener, and abort with it unless released", () => {
  const parent = new AbortController();
  const listeners = () => getEventListeners(parent.signal, "abort").length;
  const links = Array.from({ length: 100 }, () => linkedController(parent.signal));
  expect(listeners()).toBe(1);
  for (const { release } of links) release();
  expect(listeners()).toBe(0);
  const [kept, released] = [linkedController(parent.signal), linkedController(parent.signal)];
  // A release counts once.
  links[0]?.release();
  released.release();
  released.release();
  expect(listeners()).toBe(1);
  parent.abort("reason");
  expect(kept.controller.signal.reason).toMatchObject({ code: "ABORTED", cause: "reason" });
  expect(released.controller.signal.aborted).toBe(false);
  expect(linkedController(parent.signal).controller.signal.reason).toMatchObject({ code: "ABORTED" });
  kept.release();
  expect(listeners()).toBe(0);
});
