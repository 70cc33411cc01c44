import { afterEach, describe, expect, it } from "vitest";
import { RemoteRefusedError } from "../../client/errors.ts";
import { type PollLoop, type PollLoopOptions, startPollLoop } from "../../src/witness/poll-loop.ts";
import { manualTime, settle } from "./manual-time.ts";

const loops: PollLoop[] = [];
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.close()));
});

function start(options: Partial<PollLoopOptions> & Pick<PollLoopOptions, "keys" | "poll">) {
  const time = manualTime();
  const failures: string[] = [];
  const loop = startPollLoop({
    intervalMs: 60_000,
    monotonicMs: time.now,
    sleep: time.sleep,
    random: () => 0.5,
    onFailure: (key) => failures.push(key),
    ...options,
  });
  loops.push(loop);
  return { time, loop, failures };
}

describe("poll loop", () => {
  it("gives every key its first turn, and each next one, within one interval", async () => {
    for (const random of [0, 0.5, 0.999]) {
      const turns: { key: string; atMs: number }[] = [];
      const { time } = start({
        keys: () => ["a", "b"],
        poll: async (key) => void turns.push({ key, atMs: time.now() }),
        random: () => random,
      });
      const startMs = time.now();
      await time.advance(10 * 60_000);
      for (const key of ["a", "b"]) {
        const times = [startMs, ...turns.filter((turn) => turn.key === key).map(({ atMs }) => atMs)];
        expect(times.length).toBeGreaterThanOrEqual(10);
        const gaps = times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0));
        expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000);
      }
    }
  });

  it("reads its keys again only when they are another object", async () => {
    const reads = { count: 0 };
    const turned: string[] = [];
    const keysOf = (...list: string[]) => ({
      [Symbol.iterator]: () => {
        reads.count += 1;
        return list.values();
      },
    });
    let keys = keysOf("a", "b");
    const { time } = start({ keys: () => keys, poll: async (key) => void turned.push(key) });
    await time.advance(5 * 60_000);
    expect(reads.count).toBe(1);
    expect(new Set(turned)).toEqual(new Set(["a", "b"]));
    keys = keysOf("b", "c");
    await time.advance(250);
    turned.length = 0;
    await time.advance(5 * 60_000);
    expect(reads.count).toBe(2);
    expect(new Set(turned)).toEqual(new Set(["b", "c"]));
  });

  it("spreads keys that began together", async () => {
    let draw = 0;
    const firsts: number[] = [];
    const { time } = start({
      keys: () => Array.from({ length: 100 }, (_, at) => `log ${at}`),
      poll: async () => void firsts.push(time.now()),
      random: () => (draw++ % 100) / 100,
    });
    await time.advance(30_000);
    expect(firsts.length).toBeGreaterThan(40);
    expect(firsts.length).toBeLessThan(60);
  });

  it("runs at most so many turns at once, and none of one key twice", async () => {
    const running = new Map<string, number>();
    const finish: (() => void)[] = [];
    const seen = { atOnce: 0, ofOneKey: 0 };
    const turned = new Set<string>();
    const { time } = start({
      keys: () => Array.from({ length: 20 }, (_, at) => `log ${at}`),
      maxConcurrent: 3,
      timeoutMs: 10_000_000,
      poll: async (key) => {
        turned.add(key);
        running.set(key, (running.get(key) ?? 0) + 1);
        seen.ofOneKey = Math.max(seen.ofOneKey, running.get(key) ?? 0);
        seen.atOnce = Math.max(seen.atOnce, [...running.values()].filter((count) => count > 0).length);
        await new Promise<void>((resolve) => finish.push(resolve));
        running.set(key, (running.get(key) ?? 0) - 1);
      },
    });
    await time.advance(200_000);
    expect(turned.size).toBe(3);
    for (let round = 0; round < 30; round++) {
      for (const resolve of finish.splice(0)) resolve();
      await settle();
    }
    expect(turned.size).toBe(20);
    expect(seen).toEqual({ atOnce: 3, ofOneKey: 1 });
    for (const resolve of finish) resolve();
  });

  it("waits twice as long after each failure, up to a limit, and recovers", async () => {
    const times: number[] = [];
    let isDown = true;
    const { time, failures } = start({
      keys: () => ["a"],
      maxPauseMs: 4 * 60_000,
      random: () => 0,
      poll: async () => {
        times.push(time.now());
        if (isDown) throw new TypeError("down");
      },
    });
    await time.advance(20 * 60_000);
    const gaps = times.slice(1).map((atMs, at) => Math.round((atMs - (times[at] ?? 0)) / 60_000));
    expect(gaps.slice(0, 4)).toEqual([2, 4, 4, 4]);
    expect(failures.length).toBe(times.length);
    isDown = false;
    const before = times.length;
    await time.advance(10 * 60_000);
    expect(times.length - before).toBeGreaterThanOrEqual(6);
  });

  it("waits as long as a refusal asks, within its limit", async () => {
    const times: number[] = [];
    const { time } = start({
      keys: () => ["a"],
      random: () => 0,
      poll: async () => {
        times.push(time.now());
        throw new RemoteRefusedError({ message: "later", status: 429, retryAfterMs: 600_000 });
      },
    });
    await time.advance(650_000);
    expect(times.map((atMs) => Math.round((atMs - (times[0] ?? 0)) / 10_000))).toEqual([0, 60]);
  });

  it("does not make Node warn of a leak, however many turns are under way", async () => {
    const warned: string[] = [];
    const hear = (warning: Error): void => void warned.push(warning.name);
    process.on("warning", hear);
    const { time } = start({
      keys: () => Array.from({ length: 50 }, (_, at) => `log ${at}`),
      maxConcurrent: 50,
      poll: (_key, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    });
    await time.advance(60_000);
    process.off("warning", hear);
    expect(warned).toEqual([]);
  });

  it("aborts a turn that takes too long", async () => {
    const reasons: boolean[] = [];
    const { time, failures } = start({
      keys: () => ["a"],
      timeoutMs: 5_000,
      poll: (_key, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.aborted);
            reject(signal.reason);
          });
        }),
    });
    await time.advance(60_000);
    expect(reasons).toEqual([true]);
    expect(failures).toEqual(["a"]);
  });

  it("follows what keys there are, also while one of them is under way", async () => {
    let keys = ["a"];
    let running = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    const turned: string[] = [];
    const { time } = start({
      keys: () => keys,
      timeoutMs: 10_000_000,
      random: () => 0,
      poll: async (key) => {
        turned.push(key);
        most = Math.max(most, ++running);
        if (key === "a") await new Promise<void>((resolve) => finish.push(resolve));
        running -= 1;
      },
    });
    await time.advance(1_000);
    keys = [];
    await time.advance(1_000);
    keys = ["a"];
    await time.advance(120_000);
    expect({ turned, most }).toEqual({ turned: ["a"], most: 1 });
    keys = ["b"];
    finish[0]?.();
    await time.advance(1_000);
    expect(turned).toEqual(["a", "b"]);
  });

  it("aborts what is under way when it closes, waits for it, and reports nothing", async () => {
    let isOver = false;
    const { time, loop, failures } = start({
      keys: () => ["a"],
      random: () => 0,
      poll: (_key, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            isOver = true;
            reject(signal.reason);
          });
        }),
    });
    await time.advance(1_000);
    await loop.close();
    expect({ isOver, failures }).toEqual({ isOver: true, failures: [] });
    await time.advance(600_000);
  });
});
