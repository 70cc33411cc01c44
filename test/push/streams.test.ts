import { describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import type { Log } from "../../src/log/log.ts";
import type { Sink } from "../../src/push/stream.ts";
import { EventStreams, type StreamLimits } from "../../src/push/streams.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { expectCode } from "../expect-code.ts";

/** A log of which a test says what is published; receipts are not what these tests are about. */
function fakeLog(entries: readonly Uint8Array[] = []) {
  const log = { treeSize: 0, signature: "", reads: 0, isBroken: false, isUnreadable: false };
  let onRead = (_start: number): Promise<void> | void => {};
  const published = () => ({
    treeSize: log.treeSize,
    rootHash: new Uint8Array(32),
    checkpoint: log.isUnreadable
      ? unreadable()
      : encodeUtf8(`log.test\n${log.treeSize}\nroot\n\n— log.test ${log.signature}\n`),
  });
  const readEntries = async ({ start, end }: { readonly start: number; readonly end: number }) => {
    log.reads += 1;
    await onRead(start);
    return log.isBroken ? undefined : encodeBundle(entries.slice(start, end));
  };
  const receiptBytes = async (leafIndex: number) => encodeUtf8(`receipt ${leafIndex} of ${log.treeSize}`);
  const whenRead = (act: typeof onRead) => {
    onRead = act;
  };
  return { state: log, whenRead, published, readEntries, receiptBytes } satisfies Pick<
    Log,
    "published" | "readEntries" | "receiptBytes"
  > & { state: unknown; whenRead: unknown };
}

function unreadable(): never {
  throw new TlogError("STORE_DAMAGED", "no checkpoint");
}

/** Takes what is written until it is told to be slow. */
function fakeSink() {
  let onClose = () => {};
  const changed = new Set<() => void>();
  const sink = {
    text: "",
    destroyed: false,
    writableEnded: false,
    writableNeedDrain: false,
    write(bytes: Uint8Array) {
      // What Node makes an error of that nobody hears.
      if (sink.writableEnded) sink.text += "WRITTEN AFTER ITS END";
      sink.text += Buffer.from(bytes).toString("utf8");
      for (const wake of changed) wake();
      return !sink.writableNeedDrain;
    },
    end() {
      sink.writableEnded = true;
      sink.destroy();
    },
    destroy() {
      sink.destroyed = true;
      onClose();
      for (const wake of changed) wake();
    },
    once(_event: "close", listener: () => void) {
      onClose = listener;
    },
    async until(isSo: () => boolean) {
      while (!isSo()) {
        await new Promise<void>((resolve) => changed.add(resolve));
        changed.clear();
      }
    },
  };
  return sink satisfies Sink;
}

const LIMITS: StreamLimits = { maxStreams: 3, maxEntryStreams: 2, maxEntriesBehind: 100 };

function open(log: ReturnType<typeof fakeLog>, times: object = {}, limits = LIMITS) {
  const errors: unknown[] = [];
  const clock = { ms: 0 };
  const streams = new EventStreams({
    log,
    limits,
    times: { lookMs: 1, ...times },
    onError: (error) => errors.push(error),
    now: () => clock.ms,
    computed: () => clock.ms,
    random: () => 0,
  });
  const listen = (
    asked: { from?: number; wantsEntries?: boolean; closing?: AbortSignal; address?: string } = {},
  ) => {
    const sink = fakeSink();
    const { from, wantsEntries = false, closing, address } = asked;
    streams.admit({ from, wantsEntries, closing, address })(sink);
    return sink;
  };
  return { streams, listen, errors, clock };
}

const ids = (text: string) =>
  [...text.matchAll(/event: (\w+)\nid: (\d+)/g)].map(([, event, id]) => `${event} ${id}`);

describe("streams of checkpoints", () => {
  test("tell the newest at once, unless the reader has that size, and each later one", async () => {
    const log = fakeLog();
    log.state.treeSize = 5;
    const { listen } = open(log);
    const [fresh, known, ahead] = [listen(), listen({ from: 5 }), listen({ from: 9 })];
    expect([fresh, known, ahead].map(({ text }) => ids(text))).toEqual([
      ["checkpoint 5"],
      [],
      ["checkpoint 5"],
    ]);
    log.state.treeSize = 7;
    await known.until(() => known.text.includes("id: 7"));
    log.state.signature = "one more";
    await known.until(() => known.text.includes("one more"));
    for (const { text } of [known]) expect(ids(text)).toEqual(["checkpoint 7", "checkpoint 7"]);
    fresh.destroy();
    known.destroy();
    ahead.destroy();
  });

  test("skip what a slow reader did not take in time, and cut one that takes nothing", async () => {
    const log = fakeLog();
    const { listen, clock } = open(log, { stalledMs: 10, heartbeatMs: 2 });
    const [slow, quick] = [listen(), listen()];
    slow.writableNeedDrain = true;
    for (const size of [1, 2, 3]) {
      log.state.treeSize = size;
      clock.ms += 2;
      await quick.until(() => quick.text.includes(`id: ${size}\n`));
    }
    slow.writableNeedDrain = false;
    clock.ms += 2;
    await slow.until(() => slow.text.includes("id: 3"));
    expect(ids(slow.text)).toEqual(["checkpoint 0", "checkpoint 3"]);
    slow.writableNeedDrain = true;
    const ticking = setInterval(() => (clock.ms += 3), 1);
    await slow.until(() => slow.destroyed);
    clearInterval(ticking);
    expect(slow.writableEnded).toBe(false);
    expect(quick.destroyed).toBe(false);
    quick.destroy();
  });

  test("are kept alive by comments, end after their time, and with the listener", async () => {
    const log = fakeLog();
    const { streams, listen, clock } = open(log, { heartbeatMs: 5, maxLifeMs: 100 });
    const closing = new AbortController();
    const [first, second] = [listen(), listen({ closing: closing.signal, wantsEntries: true })];
    await second.until(() => second.text.includes("id: 0\n"));
    clock.ms = 10;
    await first.until(() => first.text.endsWith("\n\n:\n\n"));
    await second.until(() => second.text.endsWith("\n\n:\n\n"));
    closing.abort();
    expect([first.writableEnded, second.writableEnded]).toEqual([true, true]);
    expectCode(() => listen({ closing: closing.signal }), "LOG_CLOSING");
    const third = listen();
    clock.ms = 120;
    await third.until(() => third.writableEnded);
    expect(streams.size).toBe(0);
  });

  test("are so many and no more", () => {
    const { listen } = open(fakeLog());
    const held = [listen({ wantsEntries: true }), listen({ wantsEntries: true })];
    expectCode(() => listen({ wantsEntries: true }), "SERVER_BUSY");
    held.push(listen());
    expectCode(() => listen(), "SERVER_BUSY");
    held.pop()?.destroy();
    held.push(listen());
    for (const sink of held) sink.destroy();
  });

  test("give a place of the network that has the most to one that has fewer, and no more than as many", () => {
    const { streams, listen } = open(fakeLog());
    const crowd = [
      listen(),
      listen({ address: "2001:db8:0:1::1" }),
      listen({ address: "2001:db8::1:9:0:0:1" }),
    ];
    const other = listen({ address: "::ffff:192.0.2.1", wantsEntries: true });
    expect(crowd.map(({ writableEnded }) => writableEnded)).toEqual([false, true, false]);
    expectCode(() => listen({ address: "192.0.2.1" }), "SERVER_BUSY");
    expect(streams.size).toBe(3);
    for (const sink of [...crowd, other]) sink.destroy();
    expect(streams.size).toBe(0);
  });
});

describe("streams with entries", () => {
  const entries = Array.from({ length: 300 }, (_, at) => encodeUtf8(`entry ${at}`));

  test("tell each entry once, in order, behind a checkpoint that covers it and whose id is where to go on", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 250;
    const { listen } = open(log);
    const sink = listen({ from: 240, wantsEntries: true });
    await sink.until(() => sink.text.includes("id: 250\n"));
    log.state.treeSize = 300;
    await sink.until(() => sink.text.includes("id: 300\n"));
    const span = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => `entry ${from + at + 1}`);
    expect(ids(sink.text)).toEqual([
      "checkpoint 240",
      ...span(240, 250),
      "checkpoint 250",
      ...span(250, 300),
    ]);
    const told = /id: 241\ndata: (.*)\n/.exec(sink.text)?.[1] ?? "";
    expect(JSON.parse(told)).toEqual({
      leafIndex: 240,
      entry: Buffer.from("entry 240").toString("base64"),
      receipt: "receipt 240 of 250",
    });
    sink.destroy();
  });

  test("begin not too far back, and read what many want once", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 300;
    const { listen } = open(log);
    expectCode(() => listen({ from: 199, wantsEntries: true }), "PARAMETER_INVALID");
    const first = listen({ from: 200, wantsEntries: true });
    await first.until(() => first.text.includes("id: 300\n"));
    const { reads } = log.state;
    const second = listen({ from: 200, wantsEntries: true });
    await second.until(() => second.text.includes("id: 300\n"));
    expect(log.state.reads).toBe(reads);
    first.destroy();
    second.destroy();
  });

  test("tell receipts as of the newest checkpoint, also of what another was told before it", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 250;
    const { listen } = open(log);
    const first = listen({ from: 240, wantsEntries: true });
    await first.until(() => first.text.includes("id: 250\n"));
    log.state.treeSize = 260;
    const second = listen({ from: 240, wantsEntries: true });
    await second.until(() => second.text.includes("id: 260\n"));
    const receipts = [...second.text.matchAll(/receipt \d+ of (\d+)/g)].map(([, size]) => size);
    expect(receipts).toEqual(Array.from({ length: 20 }, () => "260"));
    first.destroy();
    second.destroy();
  });

  test("do not wait at the head for those that catch up, who share turns by their networks", async () => {
    const log = fakeLog(Array.from({ length: 300 }, () => new Uint8Array(32_768)));
    log.state.treeSize = 299;
    const { listen } = open(log, {}, { ...LIMITS, maxStreams: 4, maxEntryStreams: 4 });
    const starts: number[] = [];
    let isHeld = false;
    let wake = () => {};
    log.whenRead((start) => {
      if (start < 298 && starts.push(start) === 4) wake();
      return isHeld && start < 298 ? new Promise<void>(() => {}) : undefined;
    });
    const live = listen({ wantsEntries: true });
    const far = [listen({ from: 200, wantsEntries: true, address: "192.0.2.1" })];
    far.push(listen({ from: 210, wantsEntries: true, address: "192.0.2.1" }));
    far.push(listen({ from: 250, wantsEntries: true, address: "192.0.2.2" }));
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    expect(starts.filter((start) => start >= 250)).toHaveLength(2);
    isHeld = true;
    log.state.treeSize = 300;
    await live.until(() => live.text.includes("id: 300\n"));
    for (const sink of [live, ...far]) sink.destroy();
  });

  test("are told what is new also when they read slowly, once each, and join those at the head again", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 100;
    const { listen, clock } = open(log);
    const [slow, quick] = [listen({ wantsEntries: true }), listen({ wantsEntries: true })];
    await slow.until(() => slow.text.includes("id: 100\n"));
    slow.writableNeedDrain = true;
    for (const size of [110, 120, 300]) {
      if (size === 300) slow.writableNeedDrain = false;
      log.state.treeSize = size;
      clock.ms += 1;
      await quick.until(() => quick.text.includes(`id: ${size}\n`));
    }
    await slow.until(() => slow.text.includes("id: 300\n"));
    for (const { text } of [slow, quick])
      expect(ids(text).filter((id) => id.startsWith("entry"))).toEqual(
        Array.from({ length: 200 }, (_, at) => `entry ${101 + at}`),
      );
    slow.destroy();
    quick.destroy();
  });

  test("are cut when what is published cannot be read, and the operator hears of it", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 300;
    log.state.isBroken = true;
    const { listen, errors } = open(log);
    const sink = listen({ from: 299, wantsEntries: true });
    await sink.until(() => sink.destroyed);
    expect(errors).toMatchObject([{ code: "STORE_DAMAGED" }]);
  });

  test("are told nothing more when they end while entries are read", async () => {
    const log = fakeLog(entries);
    log.state.treeSize = 300;
    const { streams, listen } = open(log);
    const closing = new AbortController();
    log.whenRead(() => closing.abort());
    const sink = listen({ from: 299, wantsEntries: true, closing: closing.signal });
    await sink.until(() => sink.writableEnded);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ids(sink.text)).toEqual(["checkpoint 299"]);
    expect(sink.text).not.toContain("AFTER ITS END");
    expect(streams.size).toBe(0);
  });
});

test("all streams are cut when nobody can say what is published, and the operator hears of it", async () => {
  const log = fakeLog();
  const { streams, listen, errors } = open(log);
  const [one, two] = [listen(), listen({ wantsEntries: true })];
  log.state.isUnreadable = true;
  await one.until(() => one.destroyed && two.destroyed);
  expect(errors).toMatchObject([{ code: "STORE_DAMAGED" }]);
  expect(streams.size).toBe(0);
});
