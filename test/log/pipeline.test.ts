import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import type { LogStore } from "../../src/store/store.ts";
import { type EntryBlock, encodeEntryBlock, entryCount } from "../../src/tlog/entry-bundle.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, gate, openOn } from "./harness.ts";

/** As many as are worth preparing while a commit is on its way. */
const MANY = 4096;

function block(from: number, count: number) {
  return encodeEntryBlock(Array.from({ length: count }, (_, at) => entry(from + at)));
}

function range(start: number, end: number): readonly number[] {
  return Array.from({ length: end - start }, (_, at) => start + at);
}

/** A log whose commits wait at a gate; `trace` says what the store was asked for, in order. */
async function gated(fails = false) {
  const begun = gate();
  const durable = gate();
  const trace: string[] = [];
  const told: string[] = [];
  const wrap = (store: LogStore): LogStore => ({
    ...store,
    indexOf(leafHashes) {
      trace.push(`indexOf ${leafHashes.length / 32}`);
      return store.indexOf(leafHashes);
    },
    async commit(batch) {
      trace.push(`commit ${batch.from}+${entryCount(batch.entries)}`);
      begun.open();
      await durable.passed;
      if (fails) throw new TlogError("STORE_FAILED", "commit fails");
      await store.commit(batch);
    },
  });
  const events = { turnedReadOnly: ({ code }: { readonly code: string }) => told.push(code) };
  const log = await openOn(emptyDisks(), { wrap, events });
  return { log, begun, durable, trace, told };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a batch behind one that is being written", () => {
  it("is prepared meanwhile, and written after it", async () => {
    const { log, durable, trace } = await gated();
    await using _ = log;
    const first = log.addBlock(block(0, MANY));
    const second = log.addBlock(block(MANY, MANY));
    const third = log.addBlock(block(2 * MANY, MANY));
    await turn();
    expect(trace).toEqual([`indexOf ${MANY}`, `commit 0+${MANY}`, `indexOf ${2 * MANY}`]);
    durable.open();
    expect((await first).leafIndices).toEqual(range(0, MANY));
    expect((await second).leafIndices).toEqual(range(MANY, 2 * MANY));
    expect((await third).leafIndices).toEqual(range(2 * MANY, 3 * MANY));
    expect(trace.slice(3)).toEqual([`commit ${MANY}+${2 * MANY}`]);
  });

  it("is prepared meanwhile when its entries are few and long", async () => {
    const { log, begun, durable, trace } = await gated();
    await using _ = log;
    const first = log.add(entry(0));
    await begun.passed;
    const long = Array.from({ length: 65 }, (_, at) => new Uint8Array(65_535).fill(at));
    const second = log.addBlock(encodeEntryBlock(long));
    await turn();
    expect(trace).toEqual(["indexOf 1", "commit 0+1", "indexOf 65"]);
    durable.open();
    await Promise.all([first, second]);
  });

  it("waits for more when it is small", async () => {
    const { log, begun, durable, trace } = await gated();
    await using _ = log;
    const first = log.add(entry(0));
    await begun.passed;
    const second = log.addBlock(block(1, MANY - 1));
    await turn();
    expect(trace).toEqual(["indexOf 1", "commit 0+1"]);
    durable.open();
    await Promise.all([first, second]);
  });

  it("knows the leaves in flight, those of its own, and those earlier in one block", async () => {
    const { log, durable } = await gated();
    await using _ = log;
    const inFlight = log.addBlock(block(0, MANY));
    // The last 24 of the first batch, 1,000 fresh ones, then some of each again.
    const entries = [...range(MANY - 24, 2 * MANY - 24), 0, MANY, MANY, 5].map((n) => entry(n));
    const mixed = log.addBlock(encodeEntryBlock(entries));
    const again = log.addBlock(block(MANY - 24, MANY));
    await turn();
    durable.open();
    expect((await inFlight).duplicates).toEqual([]);
    const answer = await mixed;
    expect(answer.leafIndices).toEqual([...range(MANY - 24, 2 * MANY - 24), 0, MANY, MANY, 5]);
    expect(answer.duplicates).toEqual([...range(0, 24), ...range(MANY, MANY + 4)]);
    expect((await again).leafIndices).toEqual(range(MANY - 24, 2 * MANY - 24));
    expect((await again).duplicates).toEqual(range(0, MANY));
    expect(log.integratedSize()).toBe(2 * MANY - 24);
    expect(await log.addBlock(block(0, 2 * MANY - 24))).toMatchObject({
      leafIndices: range(0, 2 * MANY - 24),
      duplicates: range(0, 2 * MANY - 24),
    });
  });

  it("is not answered before the one in flight when it holds nothing but duplicates of that", async () => {
    const { log, durable } = await gated();
    await using _ = log;
    const first = log.addBlock(block(0, MANY));
    let isAnswered = false;
    const again = log.addBlock(block(0, MANY)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await turn();
    expect(isAnswered).toBe(false);
    durable.open();
    await first;
    expect((await again).duplicates).toEqual(range(0, MANY));
  });

  it("is refused, and not written, when that one fails", async () => {
    const { log, durable, trace, told } = await gated(true);
    await using _ = log;
    const refused = [block(0, MANY), block(MANY, MANY), block(0, 3)].map((one) =>
      expectCodeAsync(log.addBlock(one), "LOG_READ_ONLY"),
    );
    await turn();
    refused.push(expectCodeAsync(log.addBlock(block(2 * MANY, 2)), "LOG_READ_ONLY"));
    durable.open();
    await Promise.all(refused);
    expect(trace.filter((call) => call.startsWith("commit"))).toEqual([`commit 0+${MANY}`]);
    expect(told).toEqual(["LOG_READ_ONLY"]);
    expect(log.integratedSize()).toBe(0);
    await expectCodeAsync(log.add(entry(0)), "LOG_READ_ONLY");
  });
});

describe("a block", () => {
  it.each([
    [
      "a length beside its offset",
      ({ bytes, offsets }: EntryBlock) => ({ bytes: bytes.fill(9, 1, 2), offsets }),
    ],
    [
      "offsets beyond its bytes",
      ({ bytes, offsets }: EntryBlock) => ({ bytes: bytes.subarray(0, 9), offsets }),
    ],
    [
      "a first offset that is not 0",
      ({ bytes, offsets }: EntryBlock) => ({ bytes, offsets: offsets.subarray(1) }),
    ],
    ["offsets that go back", ({ bytes, offsets }: EntryBlock) => ({ bytes, offsets: offsets.fill(0, 1, 2) })],
    ["no offsets", ({ bytes }: EntryBlock) => ({ bytes, offsets: new Uint32Array(0) })],
  ])("with %s is refused, and the log goes on", async (_name, broken) => {
    await using log = await openOn(emptyDisks());
    await expectCodeAsync(log.addBlock(broken(block(0, 2))), "ARGUMENT_INVALID");
    expect(await log.addBlock(block(0, 2))).toMatchObject({ leafIndices: [0, 1], duplicates: [] });
  });

  it("is answered in memory of its own: who changes that does not change what the next one is told", async () => {
    const asked = gate();
    const durable = gate();
    const wrap = (store: LogStore): LogStore => ({
      ...store,
      async indexOf(leafHashes) {
        const found = await store.indexOf(leafHashes);
        if (leafHashes.length / 32 > MANY) await asked.passed;
        return found;
      },
      async commit(batch) {
        await durable.passed;
        await store.commit(batch);
      },
    });
    await using log = await openOn(emptyDisks(), { wrap });
    const first = log.addBlock(block(0, MANY));
    const second = log.addBlock(block(0, MANY + 1));
    await turn();
    durable.open();
    (await first).leafHashes.fill(0);
    asked.open();
    expect((await second).leafIndices).toEqual(range(0, MANY + 1));
  });
});
