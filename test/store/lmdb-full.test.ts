import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import type { LogStore } from "../../src/store/store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { hashNamed, patternBatch } from "./model.ts";

const ORIGIN = "example.com/store";

describe("lmdb: a full store is an error that leaves the log whole", () => {
  let parent = "";
  let mounted: string | undefined;
  let opened: LogStore[] = [];
  const openStore = async (...options: Parameters<typeof openLmdbStore>): Promise<LogStore> => {
    const store = await openLmdbStore(...options);
    opened.push(store);
    return store;
  };
  beforeEach(async () => {
    opened = [];
    parent = await mkdtemp(join(tmpdir(), "bristlecone-full-"));
    mounted = undefined;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const store of opened) await store.close();
    if (mounted !== undefined) execFileSync("umount", [mounted]);
    await rm(parent, { recursive: true });
  });

  test("maxBytes: entries are refused with STORE_FULL, signing and publishing go on", async () => {
    const directory = join(parent, "log");
    const maxBytes = 3_000_000;
    const store = await openStore({ directory, origin: ORIGIN, maxBytes });
    const size = await fill(store, 300);
    expect(size).toBeGreaterThan(0);
    expect((await stat(join(directory, "data.mdb"))).size).toBeLessThanOrEqual(maxBytes);
    await expectRefused(store, size);
    for (let signed = 0; signed < 50; signed++) {
      await store.recordHeads({ signed: { treeSize: signed, rootHash: hashNamed(`${signed}`) } });
      await store.recordHeads({
        published: { treeSize: signed, checkpoint: hashNamed(`checkpoint ${signed}`) },
      });
    }
    await store.close();
    expect((await stat(join(directory, "data.mdb"))).size).toBeLessThanOrEqual(maxBytes);
    const larger = await openStore({ directory, origin: ORIGIN });
    await larger.commit(patternBatch(size, 300, 300));
    await larger.close();
  });

  test("maxBytes too small to hold a log is refused", async () => {
    const directory = join(parent, "log");
    for (const maxBytes of [0, 1_048_575, Number.NaN]) {
      await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN, maxBytes }), "ARGUMENT_INVALID");
    }
  });

  test("a full disk: STORE_FULL, the head stays, reads and reopening work", async (context) => {
    // lmdb-js reports each failed commit there as well.
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const disk = join(parent, "disk");
    await mkdir(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], { stdio: "pipe" });
    } catch (error) {
      console.warn(`skipped: the test of a full disk needs to mount a tmpfs (${String(error)})`);
      return context.skip("cannot mount");
    }
    mounted = disk;
    const directory = join(disk, "log");
    const store = await openStore({ directory, origin: ORIGIN });
    const size = await fill(store, 500);
    expect(size).toBeGreaterThan(0);
    await expectRefused(store, size);
    await expectRefused(store, size);
    const reader = await openLmdbReader({ directory });
    expect((await reader.head()).integrated.treeSize).toBe(size);
    await reader.close();
    await store.close();
    const again = await openStore({ directory, origin: ORIGIN });
    expect((await again.head()).integrated.treeSize).toBe(size);
    await expectReadable(again, size);
    await again.close();
  });
});

/** Commits until the store is full. @returns how many entries it took. */
async function fill(store: LogStore, count: number): Promise<number> {
  for (let size = 0; ; size += count) {
    try {
      await store.commit(patternBatch(size, count, 300));
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== "STORE_FULL") throw error;
      return size;
    }
  }
}

async function expectRefused(store: LogStore, size: number): Promise<void> {
  await expectCodeAsync(store.commit(patternBatch(size, 5000, 300)), "STORE_FULL");
  expect((await store.head()).integrated.treeSize).toBe(size);
  await expectReadable(store, size);
}

async function expectReadable(store: LogStore, size: number): Promise<void> {
  const { leafHashes } = patternBatch(size - 1, 1, 300);
  expect(await store.indexOf(leafHashes)).toEqual([size - 1]);
  for (let start = 0; start < size; start += 256) {
    const end = Math.min(size, start + 256);
    expect(await store.readEntries({ start, end })).toHaveLength((end - start) * 302);
    expect(await store.readTile({ level: 0, index: start / 256, width: end - start })).toBeDefined();
  }
}
