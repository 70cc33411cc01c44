import { describe, expect, test } from "vitest";
import type { FollowOptions } from "../../client/tail.ts";
import { encodeEvent, HEARTBEAT } from "../../src/push/event-text.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { clientOf } from "./client-of.ts";
import { type FakeLog, numbered, openFakeLog, problem } from "./fake-log.ts";
import { fakeTime } from "./fake-time.ts";

/** GET /events of a fake log: what a test writes goes to who listens. */
function eventsOf(log: FakeLog) {
  const others = log.intercept;
  const opened: string[] = [];
  const waiting = new Set<() => void>();
  const events = {
    opened,
    write: (_bytes: Uint8Array) => {},
    end: () => {},
    fail: () => {},
    isLeft: false,
    /** Until somebody has listened so many times. */
    async listened(times: number) {
      while (opened.length < times) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    answer: undefined as (() => Response) | undefined,
  };
  log.intercept = (path, init) => {
    if (!path.startsWith("events")) return others(path, init);
    opened.push(path);
    for (const wake of waiting) wake();
    if (events.answer !== undefined) return events.answer();
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        events.write = (bytes) => controller.enqueue(bytes);
        events.end = () => controller.close();
        events.fail = () => controller.error(new TypeError("cut"));
        init.signal.addEventListener("abort", () => {
          events.isLeft = true;
          controller.error(init.signal.reason);
        });
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  };
  return events;
}

async function grow(log: FakeLog, count: number): Promise<Uint8Array> {
  log.entries.push(...numbered(count, log.entries.length));
  const checkpoint = await log.publish();
  const data = new TextDecoder().decode(checkpoint);
  return encodeEvent({ event: "checkpoint", id: log.entries.length, data });
}

/** Follows with a clock that moves only when somebody waits; a pause of polling is 8 s, which none of these needs to make. */
function following(log: FakeLog, options: FollowOptions = {}) {
  const time = fakeTime({ timeoutMs: 30_000 });
  const client = clientOf(log, { ...time, random: () => 1 });
  return { time, entries: client.follow({ pollMs: 8_000, maxPollMs: 8_000, ...options }) };
}

const checkpointsAsked = (log: FakeLog) => log.paths.filter((path) => path === "checkpoint").length;

describe("following a log that tells", () => {
  test("yields what it tells of without asking for the checkpoint, and leaves when the caller does", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const events = eventsOf(log);
    const { entries } = following(log, { from: 4 });
    expect((await entries.next()).value?.leafIndex).toBe(4);
    const next = entries.next();
    await events.listened(1);
    events.write(HEARTBEAT);
    events.write(await grow(log, 2));
    expect((await next).value?.leafIndex).toBe(5);
    expect((await entries.next()).value?.leafIndex).toBe(6);
    const later = entries.next();
    const [one, two] = [await grow(log, 1), await grow(log, 1)];
    events.write(one);
    events.write(two);
    expect((await later).value?.leafIndex).toBe(7);
    expect((await entries.next()).value?.leafIndex).toBe(8);
    expect(events.opened).toEqual(["events?from=5"]);
    expect(checkpointsAsked(log)).toBeLessThanOrEqual(2);
    await entries.return?.();
    expect(events.isLeft).toBe(true);
  });

  test("asks when the stream ends or fails, and listens again from where it is", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const events = eventsOf(log);
    const { entries } = following(log);
    for (const [times, end] of [() => events.end(), () => events.fail()].entries()) {
      const next = entries.next();
      await events.listened(times + 1);
      events.write(HEARTBEAT);
      await grow(log, 1);
      end();
      expect((await next).value?.leafIndex).toBe(5 + times);
    }
    const last = entries.next();
    await events.listened(3);
    events.write(await grow(log, 1));
    expect((await last).value?.leafIndex).toBe(7);
    await entries.return?.();
  });

  test("ends with what a stream tells that cannot be true, as with what is asked for", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const forked = await openFakeLog({ entries: numbered(9, 1) });
    const events = eventsOf(log);
    const { entries } = following(log);
    const next = entries.next();
    await events.listened(1);
    const told = encodeEvent({
      event: "checkpoint",
      id: 9,
      data: new TextDecoder().decode(await forked.publish()),
    });
    const honest = log.intercept;
    log.intercept = (path, init) =>
      path.startsWith("tile") ? forked.fetch(`${log.url}/${path}`, init) : honest(path, init);
    events.write(told);
    await expectCodeAsync(next, "LOG_FORKED");
    expect(events.isLeft).toBe(true);
  });

  const told = (checkpoint: Uint8Array) =>
    encodeEvent({ event: "checkpoint", id: 5, data: new TextDecoder().decode(checkpoint) });

  test.each([
    ["that it is there", () => HEARTBEAT],
    ["what is known, again and again", told],
  ])("asks once a minute a log that says nothing but %s", async (_what, said) => {
    const log = await openFakeLog({ entries: numbered(5) });
    const known = await log.publish();
    const events = eventsOf(log);
    let nowMs = 1_700_000_000_000;
    const client = clientOf(log, { now: () => nowMs, random: () => 1 });
    const entries = client.follow({ pollMs: 1 });
    const next = entries.next();
    await events.listened(1);
    await grow(log, 1);
    for (let minutes = 0; minutes < 2; minutes += 1 / 3) {
      events.write(said(known));
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      nowMs += 20_000;
    }
    expect((await next).value?.leafIndex).toBe(5);
    await entries.return?.();
  });

  test.each([
    ["has no such thing", () => problem("NOT_FOUND", 404)],
    ["answers with a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    [
      "sends no events",
      () => new Response(Uint8Array.of(0xff), { headers: { "content-type": "text/event-stream" } }),
    ],
  ])("asks a log that %s, and tries to listen once", async (_what, answer) => {
    const log = await openFakeLog({ entries: numbered(5) });
    const events = eventsOf(log);
    events.answer = answer;
    const { entries } = following(log);
    for (let index = 5; index < 8; index++) {
      const next = entries.next();
      if (index === 5) await events.listened(1);
      await grow(log, 1);
      expect((await next).value?.leafIndex).toBe(index);
    }
    expect(events.opened).toHaveLength(1);
    await entries.return?.();
  });

  test("asks a log whose places are taken, and tries again later", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const events = eventsOf(log);
    events.answer = () => problem("SERVER_BUSY", 503);
    const { entries, time } = following(log);
    const next = entries.next();
    await events.listened(2);
    await grow(log, 1);
    expect((await next).value?.leafIndex).toBe(5);
    expect(time.pauses).toContain(1_000);
    await entries.return?.();
  });

  test("only asks when it is told to", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const events = eventsOf(log);
    const { entries } = following(log, { push: false, from: 0 });
    for (let index = 0; index < 5; index++) expect((await entries.next()).value?.leafIndex).toBe(index);
    const next = entries.next();
    await grow(log, 1);
    expect((await next).value?.leafIndex).toBe(5);
    expect(events.opened).toEqual([]);
    await entries.return?.();
  });
});
