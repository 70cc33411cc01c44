import { describe, expect, it } from "vitest";
import { integrate } from "../../src/log/integrate.ts";
import { readBack } from "../../src/log/read-back.ts";
import { emptyRange } from "../../src/merkle/compact-range.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { LogStore } from "../../src/store/store.ts";
import { concatBytes, encodeHex } from "../../src/tlog/encoding.ts";
import { encodeEntryBlock } from "../../src/tlog/entry-bundle.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, openOn, published } from "./harness.ts";

/** Spoils entries on their way back from storage. */
function spoiling(spoil: (entries: Uint8Array, start: number) => Uint8Array | undefined) {
  return (store: LogStore): LogStore => ({
    ...store,
    async readEntries(range) {
      const bytes = await store.readEntries(range);
      return bytes && spoil(bytes, range.start);
    },
  });
}

/** A store of these entries, without a log. */
async function storeOf(entries: readonly Uint8Array[]) {
  const disks = emptyDisks();
  const store = openMemoryStore({ origin: "example.com/test-log", disk: disks.store });
  const leafHashes = concatBytes(...entries.map(leafHash));
  const { range, levels } = integrate(emptyRange(), leafHashes);
  await store.commit({ from: 0, entries: encodeEntryBlock(entries), leafHashes, levels, head: range });
  return { store, range };
}

describe("reading back before a signature", () => {
  it("turns the log read-only when storage gives another entry back, and names it, its bytes and both hashes", async () => {
    const told: string[] = [];
    const spoilt = entry("x").with(0, 0x45);
    const wrap = spoiling((bytes, start) => (start === 2 ? bytes.with(2, 0x45) : bytes));
    const log = await openOn(emptyDisks(), { wrap, events: { turnedReadOnly: (e) => told.push(e.message) } });
    await log.addBatch([entry(0), entry(1)]);
    await published(log, 1);
    const before = log.published();
    await log.add(entry("x"));
    await expect.poll(() => log.state().status).toBe("read-only");
    expect(told[0]).toContain("STORE_DAMAGED");
    expect(told[0]).toContain(
      `entry 2 (bundle 0, bytes 20 to 26) hashes to ${encodeHex(leafHash(spoilt))}, and its leaf hash is ${encodeHex(leafHash(entry("x")))}`,
    );
    expect(log.published()).toEqual(before);
    await log.close();
  });

  it.each([0, 63, 64, 255, 256, 299])("finds a wrong entry wherever it is: %i of 300", async (wrong) => {
    const { store, range } = await storeOf(Array.from({ length: 300 }, (_, at) => entry(1000 + at)));
    expect(await readBack({ store, verified: emptyRange(), treeSize: 300 })).toEqual(range);
    const length = entry(1000).length + 2;
    const wrap = spoiling((bytes, start) => {
      const at = (wrong - start) * length + 2;
      return at < 0 || at >= bytes.length ? bytes : bytes.with(at, 0);
    });
    const reading = readBack({ store: wrap(store), verified: emptyRange(), treeSize: 300 });
    const error = await expectCodeAsync(reading, "STORE_DAMAGED");
    expect(String(error)).toContain(`entry ${wrong} `);
  });

  it.each([
    ["are missing", () => undefined],
    ["cannot be told apart", (bytes: Uint8Array) => bytes.with(1, 0xff)],
    ["have bytes behind them", (bytes: Uint8Array) => concatBytes(bytes, new Uint8Array(2))],
  ])("refuses entries that %s", async (_, spoil) => {
    const { store } = await storeOf([entry(0), entry(1)]);
    await expectCodeAsync(
      readBack({ store: spoiling(spoil)(store), verified: emptyRange(), treeSize: 2 }),
      "STORE_DAMAGED",
    );
  });

  it("lets others have turns while it reads large entries, and holds few of them", async () => {
    const { store } = await storeOf(
      Array.from({ length: 300 }, (_, at) => new Uint8Array(65_535).fill(at % 251)),
    );
    let turns = 0;
    let largest = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const wrap = spoiling((bytes) => {
      largest = Math.max(largest, bytes.length);
      return bytes;
    });
    await readBack({ store: wrap(store), verified: emptyRange(), treeSize: 300 });
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(4);
    expect(largest).toBeLessThanOrEqual(64 * 65_537);
  });
});
