import { describe, expect, test } from "vitest";
import type { LogEntry } from "../../client/entries.ts";
import type { TlogError } from "../../src/errors.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { clientOf } from "./client-of.ts";
import { type FakeLog, numbered, openFakeLog, problem } from "./fake-log.ts";
import { fakeTime } from "./fake-time.ts";

/** Runs `steps` one by one, each when the client asks for the checkpoint: what the log does between two polls. */
function onEachPoll(log: FakeLog, ...steps: readonly (() => unknown)[]): () => number {
  let polls = 0;
  log.intercept = async (path) => {
    if (path !== "checkpoint") return undefined as never;
    const answer = await steps[polls++]?.();
    return answer instanceof Response ? answer : (undefined as never);
  };
  return () => polls;
}

async function grow(log: FakeLog, count: number): Promise<void> {
  log.entries.push(...numbered(count, log.entries.length));
  await log.publish();
}

async function take(items: AsyncIterable<LogEntry>, count: number): Promise<number[]> {
  const indices: number[] = [];
  for await (const { leafIndex } of items) if (indices.push(leafIndex) === count) break;
  return indices;
}

const span = (start: number, end: number) => Array.from({ length: end - start }, (_, at) => start + at);
const bundlesIn = (log: FakeLog) => log.paths.filter((path) => path.startsWith("tile/entries/"));

describe("following", () => {
  test("yields only new entries by default, all from a given index, each once", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    onEachPoll(
      log,
      () => {},
      () => grow(log, 2),
      () => {},
      () => grow(log, 3),
    );
    expect(await take(clientOf(log).follow(), 5)).toEqual(span(5, 10));
    onEachPoll(
      log,
      () => {},
      () => grow(log, 300),
      () => grow(log, 1),
    );
    expect(await take(clientOf(log).follow({ from: 2 }), 309)).toEqual(span(2, 311));
  });

  test("waits for an index the log does not have yet", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    onEachPoll(
      log,
      () => {},
      () => grow(log, 2),
      () => grow(log, 2),
    );
    expect(await take(clientOf(log).follow({ from: 8 }), 1)).toEqual([8]);
  });

  test("asks an idle log ever less often, and a growing one at once again", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const time = fakeTime({ timeoutMs: 30_000 });
    const idle = Array.from({ length: 6 }, () => () => {});
    onEachPoll(
      log,
      ...idle,
      () => grow(log, 1),
      () => {},
      () => grow(log, 1),
    );
    await take(clientOf(log, { ...time, random: () => 1 }).follow({ pollMs: 1_000, maxPollMs: 8_000 }), 2);
    expect(time.pauses).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 1_000, 2_000]);
  });

  test("outlives failures of the network and the server, and tells of them", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const problems: TlogError[] = [];
    onEachPoll(
      log,
      () => Promise.reject(new TypeError("fetch failed")),
      () => problem("INTERNAL", 500),
      () => problem("POOL_FULL", 503, { "retry-after": "3600" }),
      () => {},
      () => grow(log, 1),
    );
    const options = { retry: { maxAttempts: 1 } };
    const following = clientOf(log, options).follow({ from: 4, onProblem: (error) => problems.push(error) });
    expect(await take(following, 2)).toEqual([4, 5]);
    expect(problems.map(({ code }) => code)).toEqual([
      "REMOTE_UNREACHABLE",
      "REMOTE_REFUSED",
      "REMOTE_REFUSED",
    ]);
  });

  test("goes on where it was when a bundle fails half way", async () => {
    const log = await openFakeLog({ entries: numbered(3000) });
    let failures = 0;
    log.intercept = (path) =>
      path === "tile/entries/005" && failures++ < 2 ? problem("INTERNAL", 500) : undefined;
    expect(await take(clientOf(log).follow({ from: 0 }), 3000)).toEqual(span(0, 3000));
  });

  test("ends with what shows that the log is wrong", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const forked = await openFakeLog({ entries: numbered(9, 1) });
    const honest = log.intercept;
    let polls = 0;
    log.intercept = (path, init) =>
      path === "checkpoint" && polls++ === 0 ? honest(path, init) : forked.fetch(`${log.url}/${path}`, init);
    await expectCodeAsync(take(clientOf(log).follow(), 1), "LOG_FORKED");
    const gone = await openFakeLog();
    gone.intercept = () => problem("NOT_FOUND", 404);
    await expectCodeAsync(take(clientOf(gone).follow(), 1), "REMOTE_REFUSED");
  });

  test("keeps its place through a rollback of the view", async () => {
    const log = await openFakeLog({ entries: numbered(600) });
    const old = await log.publish(300);
    await log.publish();
    onEachPoll(
      log,
      () => {},
      () => new Response(new Uint8Array(old)),
      () => grow(log, 1),
    );
    expect(await take(clientOf(log).follow({ from: 599 }), 2)).toEqual([599, 600]);
  });

  test("ends with ABORTED when the signal aborts, also while it waits", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const controller = new AbortController();
    onEachPoll(
      log,
      () => {},
      () => {},
      () => controller.abort(),
    );
    await expectCodeAsync(take(clientOf(log).follow({ signal: controller.signal }), 1), "ABORTED");
  });
});

describe("TILE-12: a rapidly growing log", () => {
  test("has its partial bundles skipped, their tile fetched and the next head proven consistent", async () => {
    const log = await openFakeLog({ entries: numbered(256) });
    onEachPoll(
      log,
      () => {},
      () => grow(log, 300),
      () => grow(log, 300),
      () => grow(log, 300),
    );
    const indices = await take(clientOf(log).follow({ from: 0 }), 1024);
    expect(indices).toEqual(span(0, 1024));
    expect(bundlesIn(log)).toEqual([
      "tile/entries/000",
      "tile/entries/001",
      "tile/entries/002",
      "tile/entries/003",
    ]);
    // 556 = 2 * 256 + 44 and 856 = 3 * 256 + 88 leave partial tiles, which each head was checked with.
    expect(log.paths).toEqual(expect.arrayContaining(["tile/0/002.p/44", "tile/0/003.p/88"]));
  });

  test("has a bundle fetched that stays partial for another look", async () => {
    const log = await openFakeLog({ entries: numbered(256) });
    const bundlesAtPoll: number[] = [];
    const count = () => bundlesAtPoll.push(bundlesIn(log).length);
    onEachPoll(
      log,
      () => {},
      () => grow(log, 250),
      count,
    );
    expect(await take(clientOf(log).follow({ from: 256 }), 250)).toEqual(span(256, 506));
    expect(bundlesAtPoll).toEqual([0]);
    expect(bundlesIn(log)).toEqual(["tile/entries/001.p/250"]);
  });

  test("that grows slowly again delivers at once, and skipping can be turned off", async () => {
    const log = await openFakeLog({ entries: numbered(256) });
    onEachPoll(
      log,
      () => {},
      () => grow(log, 250),
      () => grow(log, 1),
    );
    expect(await take(clientOf(log).follow({ from: 256 }), 251)).toEqual(span(256, 507));
    expect(bundlesIn(log)).toEqual(["tile/entries/001.p/251"]);
    const eager = await openFakeLog({ entries: numbered(256) });
    onEachPoll(
      eager,
      () => {},
      () => grow(eager, 250),
    );
    expect(await take(clientOf(eager).follow({ skipPartialBundles: false }), 250)).toEqual(span(256, 506));
  });
});
