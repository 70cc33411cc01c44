import { expect, it } from "vitest";
import type { Sleep } from "../../client/waiting.ts";
import { Sheet } from "../../src/doctor/check.ts";
import { lookAtEvents } from "../../src/doctor/served-events.ts";
import { encodeEvent } from "../../src/push/event-text.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { type FakeLog, numbered, openFakeLog } from "../client/fake-log.ts";

const STREAM = { "content-type": "text/event-stream", "cache-control": "no-store" };

/** What a doctor says of the answer to GET events, of a log whose size is 3. */
async function seen(answer: (log: FakeLog) => Response | Promise<Response>, sleep?: Sleep) {
  const log = await openFakeLog({ entries: numbered(3) });
  log.intercept = (path) => (path === "events" ? answer(log) : undefined);
  const sheet = new Sheet({
    ...{ timeoutMs: 1000, totalMs: 1000, signal: new AbortController().signal, now: () => 0 },
    onResult: () => undefined,
  });
  const remote = { fetch: log.fetch, ...(sleep && { sleep }) };
  await lookAtEvents(sheet, { url: log.url, treeSize: 3, logKeys: [parseVerifierKey(log.vkey)], remote });
  return sheet.results[0];
}

/** A stream that tells the head of a size, and goes on. */
async function telling(log: FakeLog, size: number, headers: Record<string, string> = STREAM) {
  const data = new TextDecoder().decode(await log.publish(size));
  const bytes = encodeEvent({ event: "checkpoint", id: size, data });
  return new Response(new ReadableStream({ start: (stream) => stream.enqueue(bytes) }), { headers });
}

it("events that come at once are ok, and the stream is left", async () => {
  const signals: AbortSignal[] = [];
  const result = await seen((log) => {
    signals.push(...log.requests.map(({ init }) => init.signal));
    return telling(log, 3);
  });
  expect(result).toMatchObject({ verdict: "ok", saw: expect.stringContaining("a checkpoint of size 3") });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

it.each<[string, (log: FakeLog) => Response | Promise<Response>, RegExp]>([
  ["hold them back", () => new Promise<Response>(() => {}), /nothing of GET events came in 5 s/],
  ["hold back all but the headers", () => new Response(new ReadableStream(), { headers: STREAM }), /nothing/],
  ["do not know them", () => new Response("", { status: 404 }), /answered 404/],
  [
    "answer with a page",
    () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    /text\/html/,
  ],
  ["have no place", () => new Response("", { status: 503 }), /answered 503/],
  ["end them", () => new Response("", { headers: STREAM }), /ended before/],
  ["are cut", () => Promise.reject(new TypeError("cut")), /cut/],
  ["tell what was", (log) => telling(log, 2), /size 2, .* after one of size 3/],
  ["may be kept", (log) => telling(log, 3, { ...STREAM, "cache-control": "max-age=9" }), /"max-age=9"/],
])("warns where events %s", async (_name, answer, words) => {
  const isLate = words.source.startsWith("nothing");
  const result = await seen(answer, isLate ? () => Promise.resolve() : undefined);
  expect(result).toMatchObject({
    check: "public-events",
    verdict: "warn",
    saw: expect.stringMatching(words),
  });
  expect(result?.advice).toMatch(/\w/);
});

it("fails where another log tells them", async () => {
  const other = await openFakeLog({ seed: 2, entries: numbered(3) });
  expect(await seen(() => telling(other, 3))).toMatchObject({ verdict: "fail" });
});
