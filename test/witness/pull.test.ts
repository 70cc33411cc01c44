import { afterEach, describe, expect, it } from "vitest";
import { originHash } from "../../src/tlog/origin-hash.ts";
import type { PollLoop } from "../../src/witness/poll-loop.ts";
import { startPollers } from "../../src/witness/pollers.ts";
import type { WitnessedLog } from "../../src/witness/witness.ts";
import { known, type TestLog, testLog, testWitness } from "./harness.ts";
import { manualTime } from "./manual-time.ts";
import { body, endless, hanging, network, showLog } from "./network.ts";

const LOG_URL = "https://log.example/v";
const loops: PollLoop[] = [];
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.close()));
});

/** A witness that pulls, and nothing else, once a minute. */
async function pulling(logs: readonly (readonly [TestLog, Partial<WitnessedLog>])[]) {
  const tested = await testWitness(logs.map(([log, more]) => known(log, { urls: [LOG_URL], ...more })));
  const net = network();
  const time = manualTime(tested.clock.seconds * 1000);
  const warnings: string[] = [];
  const compared: string[] = [];
  const start = (): void => {
    const loop = startPollers({
      witness: tested.witness,
      peers: [],
      events: {
        warning: ({ code }) => warnings.push(code),
        headCompared: ({ verdict }) => compared.push(verdict),
      },
      now: time.now,
      monotonicMs: time.now,
      sleep: time.sleep,
      random: () => 0.5,
      network: { fetch: net.fetch, sleep: time.sleep },
      crossCheckIntervalMs: 1e9,
    });
    loops.push(loop);
  };
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 30) {
      tested.clock.seconds += 30;
      await time.advance(30_000);
    }
  };
  const sizeOf = async (log: TestLog) => (await tested.witness.headAt(log.origin))?.treeSize;
  const cosignatures = () => tested.told.filter(({ event }) => event === "cosigned").length;
  const kinds = async (log: TestLog) =>
    (await tested.witness.evidence(originHash(log.origin))).map(({ kind }) => kind);
  return { ...tested, net, time, warnings, compared, start, pass, sizeOf, cosignatures, kinds };
}

describe("pulling a log", () => {
  it("cosigns its first head, and each later one with a proof from its tiles", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const { net, start, pass, sizeOf, warnings } = await pulling([[log, {}]]);
    const shown = await showLog(net, LOG_URL, log, 255);
    start();
    await pass(60);
    expect(await sizeOf(log)).toBe(255);
    for (const size of [256, 511, 700]) {
      shown.note = await log.note(size);
      await pass(60);
      expect(await sizeOf(log)).toBe(size);
    }
    expect(warnings).toEqual([]);
  });

  it("cosigns a log that does not grow anew, and not at every look", async () => {
    const log = await testLog("log.example/v", { size: 40 });
    const { net, start, pass, cosignatures } = await pulling([[log, {}]]);
    await showLog(net, LOG_URL, log, 40);
    start();
    await pass(240);
    expect(cosignatures()).toBe(1);
    await pass(240);
    expect(cosignatures()).toBe(2);
  });

  it("reads neither a disabled log nor one that has no URL", async () => {
    const [a, b] = [await testLog("a.example"), await testLog("b.example")];
    const { net, start, pass } = await pulling([
      [a, { isDisabled: true }],
      [b, { urls: [] }],
    ]);
    start();
    await pass(180);
    expect(net.asked).toEqual([]);
  });

  it("goes on from where a push has brought the log meanwhile", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const { net, start, pass, sizeOf, witness, warnings } = await pulling([[log, {}]]);
    const shown = await showLog(net, LOG_URL, log, 300);
    start();
    await pass(60);
    shown.note = await log.note(500);
    shown.beforeTile = async () => {
      shown.beforeTile = async () => undefined;
      await witness.addCheckpoint(await log.request(300, 400)); // while the proof is read, the log pushes
    };
    await pass(60);
    expect(await sizeOf(log)).toBe(400);
    await pass(60);
    expect(await sizeOf(log)).toBe(500);
    expect(warnings).toEqual([]);
  });

  it("does not follow a log that shows an old head, and says so", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const { net, start, pass, sizeOf, compared } = await pulling([[log, {}]]);
    const shown = await showLog(net, LOG_URL, log, 700);
    start();
    await pass(60);
    shown.note = await log.note(300);
    await pass(60);
    expect(await sizeOf(log)).toBe(700);
    expect(compared).toEqual(["behind"]);
  });

  it("turns a fork into evidence and cosigns the log no more", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const { net, start, pass, sizeOf, kinds, warnings } = await pulling([[log, {}]]);
    await showLog(net, LOG_URL, log, 300);
    start();
    await pass(60);
    await showLog(net, LOG_URL, log.forkedAt(100), 500);
    await pass(180);
    expect(await kinds(log)).toEqual(["cross-size"]);
    expect(await sizeOf(log)).toBe(300);
    expect(warnings).toEqual([]);
  });

  it("cosigns nothing that the tiles do not prove", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const { net, start, pass, sizeOf, kinds } = await pulling([[log, {}]]);
    const shown = await showLog(net, LOG_URL, log, 300);
    start();
    await pass(60);
    shown.note = await log.note(500);
    shown.log = log.forkedAt(100);
    await pass(180);
    expect(await sizeOf(log)).toBe(300);
    expect(await kinds(log)).toEqual([]);
  });

  it("is not held up by a log that hangs, sends without end or sends rubbish; each is told once", async () => {
    const bad = await Promise.all([1, 2, 3, 4].map((at) => testLog(`bad.example/${at}`)));
    const log = await testLog("log.example/v");
    const urls = bad.map((_, at) => `https://bad.example/${at}`);
    const { net, start, pass, sizeOf, warnings } = await pulling([
      ...bad.map((one, at) => [one, { urls: [urls[at] ?? ""] }] as const),
      [log, {}],
    ]);
    const other = await log.note(40);
    const answers = [hanging, endless, () => new Response("<html>"), () => body(other)];
    for (const [at, answer] of answers.entries()) net.at(urls[at] ?? "", answer);
    await showLog(net, LOG_URL, log, 40);
    start();
    await pass(300);
    expect(await sizeOf(log)).toBe(40);
    expect([...warnings].sort()).toEqual([
      "NOTE_MALFORMED",
      "ORIGIN_MISMATCH",
      "REMOTE_TIMEOUT",
      "REMOTE_TOO_LARGE",
    ]);
    for (const one of bad) expect(await sizeOf(one)).toBeUndefined();
  });
});
