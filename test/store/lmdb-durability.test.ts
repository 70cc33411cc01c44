import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import type { LogReader } from "../../src/store/store.ts";
import { IS_FULL } from "../runs.ts";
import { patternBatch } from "./model.ts";
import { buildShim, type Child, makeSwitches, type Switches, startChild } from "./processes.ts";

const ORIGIN = "example.com/store";

describe("lmdb: nothing is visible or answered before it is durable", () => {
  let library: string | undefined;
  let libraryDirectory = "";
  let parent = "";
  let directory = "";
  let switches: Switches;
  let child: Child;

  beforeAll(async () => {
    libraryDirectory = await mkdtemp(join(tmpdir(), "bristlecone-shim-"));
    library = buildShim(libraryDirectory);
  });
  afterAll(() => rm(libraryDirectory, { recursive: true }));

  beforeEach(async (context) => {
    if (library === undefined) return context.skip("no preloaded library");
    parent = await mkdtemp(join(tmpdir(), "bristlecone-durable-"));
    directory = join(parent, "log");
    switches = await makeSwitches(parent);
    child = startChild("write", directory, { library, switches: switches.path });
    expect(await child.next()).toEqual({ opened: 1 });
  });
  afterEach(async () => {
    if (library === undefined) return;
    await child.kill();
    await rm(parent, { recursive: true });
  });

  test("a commit is seen by another process, and resolves, only after data and head are synced", async () => {
    child.send("commit 0 3 10");
    await child.next();
    const reader = await openLmdbReader({ directory });
    await switches.on("hold-data");
    await switches.on("hold-meta");
    child.send("commit 3 5 10");
    await switches.untilHeld("data");
    await expectUnseen(reader, child, 3);
    await switches.off("hold-data");
    // The head is in the page cache now, but not on the disk.
    await switches.untilHeld("meta");
    await expectUnseen(reader, child, 3);
    await switches.off("hold-meta");
    expect(await child.next()).toEqual({ line: "commit 3 5 10", size: 8 });
    expect((await reader.head()).integrated.treeSize).toBe(8);
    await reader.close();
  });

  test("a signed head is recorded only after it is synced", async () => {
    child.send("commit 0 3 10");
    await child.next();
    const reader = await openLmdbReader({ directory });
    await switches.on("hold-data");
    child.send("sign 3");
    await switches.untilHeld("data");
    expect((await reader.head()).signed).toBeUndefined();
    expect(child.messages).toHaveLength(2);
    await switches.off("hold-data");
    expect(await child.next()).toMatchObject({ line: "sign 3" });
    expect((await reader.head()).signed?.treeSize).toBe(3);
    await reader.close();
  });

  test.each(["fail-data", "fail-meta"] as const)(
    "%s: nothing is answered, and nothing is written any more",
    async (failure) => {
      child.send("commit 0 3 10");
      await child.next();
      await switches.on(failure);
      child.send("commit 3 5 10");
      expect(await child.next()).toEqual({ line: "commit 3 5 10", failed: "STORE_FAILED" });
      await switches.off(failure);
      child.send("commit 3 5 10");
      expect(await child.next()).toEqual({ line: "commit 3 5 10", failed: "STORE_FAILED" });
      child.send("sign 3");
      expect(await child.next()).toEqual({ line: "sign 3", failed: "STORE_FAILED" });
      const reader = await openLmdbReader({ directory });
      expect((await reader.head()).integrated.treeSize).toBe(3);
      await reader.close();
      // LMDB itself reads nothing more after a failed meta write; other processes do.
      child.send("head");
      const failed = failure === "fail-meta";
      expect(await child.next()).toEqual({
        line: "head",
        ...(failed ? { failed: "STORE_FAILED" } : { size: 3 }),
      });
      child.send("close");
      expect(await child.next()).toEqual({ line: "close" });
      await expectWhole(directory, [3]);
    },
  );

  test.each([
    ["made", "write", "a/log"],
    ["opened", "write", "log"],
    ["read", "read", "log"],
  ] as const)("a log that cannot be synced when it is %s is refused", async (_, role, name) => {
    if (library === undefined) return;
    await switches.on("fail-data");
    const second = startChild(role, join(parent, name), { library, switches: switches.path });
    expect(await second.next()).toEqual({ failed: "STORE_FAILED" });
    await second.kill();
  });

  test.each(["data", "meta"] as const)(
    "kill -9 while %s is being synced leaves the batch or nothing of it",
    async (stage) => {
      child.send("commit 0 300 50");
      await child.next();
      await switches.on(`hold-${stage}`);
      child.send("commit 300 500 50");
      await switches.untilHeld(stage);
      await child.kill();
      await expectWhole(directory, [300, 800]);
    },
  );

  test("kill -9 at any moment loses nothing that was answered", async () => {
    let size = 0;
    // In CI test:crash also kills whole logs, many times.
    for (const round of IS_FULL ? [0, 1, 2, 3] : [2]) {
      for (let commit = 0; commit < 3 + round; commit++) {
        child.send(`commit ${size} ${100 + 37 * round} 50`);
        size = Number((await child.next()).size);
      }
      child.send(`commit ${size} 2000 50`);
      for (let turn = 0; turn < round * 3; turn++) await new Promise(setImmediate);
      await child.kill();
      size = await expectWhole(directory, [size, size + 2000]);
      child = startChild("write", directory);
      await child.next();
    }
  }, 60_000);
});

/** Asks many times, so that a head that is shown too early is seen. */
async function expectUnseen(reader: LogReader, child: Child, size: number): Promise<void> {
  const answered = child.messages.length;
  for (let poll = 0; poll < 50; poll++) {
    expect((await reader.head()).integrated.treeSize).toBe(size);
    await new Promise(setImmediate);
  }
  expect(child.messages).toHaveLength(answered);
}

/** Opens the log again: one of the sizes, every tile and entry as written, and it takes another batch. @returns its size then. */
async function expectWhole(directory: string, sizes: readonly number[]): Promise<number> {
  const store = await openLmdbStore({ directory, origin: ORIGIN });
  const size = (await store.head()).integrated.treeSize;
  expect(sizes).toContain(size);
  const wanted = patternBatch(0, size, 50);
  for (let start = 0; start < size; start += 256) {
    const width = Math.min(256, size - start);
    const tile = await store.readTile({ level: 0, index: start / 256, width });
    expect(
      Buffer.compare(tile ?? new Uint8Array(), wanted.leafHashes.subarray(start * 32, (start + width) * 32)),
    ).toBe(0);
    expect(await store.readEntries({ start, end: start + width })).toBeDefined();
  }
  expect(await store.indexOf(wanted.leafHashes.slice(-50 * 32))).toEqual(
    Array.from({ length: Math.min(50, size) }, (_, index) => Math.max(0, size - 50) + index),
  );
  await store.commit(patternBatch(size, 10, 50));
  await store.close();
  return size + 10;
}
