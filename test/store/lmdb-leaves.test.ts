/** The leaf index as the store has it: runs of 256 leaves instead of half a million. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type * as Opening from "../../src/store/leaf-index/open-leaf-index.ts";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { filesAre } from "./leaf-index/yard.ts";
import { patternBatch } from "./model.ts";

const ORIGIN = "example.com/store";
const SIZE = 700;
const RUNS = ["0-256.run", "256-512.run"];

const clock = vi.hoisted(() => ({ ms: 0, tick: 0 }));

vi.mock("../../src/store/leaf-index/open-leaf-index.ts", async (importOriginal) => {
  const { openLeafIndex } = await importOriginal<typeof Opening>();
  const now = (): number => {
    clock.ms += clock.tick;
    return clock.ms;
  };
  return {
    openLeafIndex: (options: Parameters<typeof openLeafIndex>[0]) =>
      openLeafIndex({ ...options, runLeaves: 256, now }),
  };
});

describe("lmdb: the leaf index of a log", () => {
  let directory = "";
  const { leafHashes } = patternBatch(0, SIZE, 10);
  const indices = Array.from({ length: SIZE }, (_, index) => index);
  beforeEach(async () => {
    clock.tick = 0;
    directory = await mkdtemp(join(tmpdir(), "bristlecone-leaves-"));
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    await store.commit(patternBatch(0, SIZE, 10));
    await filesAre(join(directory, "leaf-index"), RUNS);
    await store.close();
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("is repaired before it answers when a page of it changed", async () => {
    for (const run of RUNS) {
      const path = join(directory, "leaf-index", run);
      const bytes = await readFile(path);
      bytes[4096 + 100] = (bytes[4096 + 100] ?? 0) ^ 255;
      await writeFile(path, bytes);
    }
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    expect(await store.indexOf(leafHashes)).toEqual(indices);
    await store.commit(patternBatch(SIZE, 10, 10));
    await store.close();
  });

  test.each(["writer", "reader"])("answers a %s right whose disk is slow", async (who) => {
    clock.tick = 1000;
    const writer = await openLmdbStore({ directory, origin: ORIGIN });
    const reader = await openLmdbReader({ directory });
    const asked = who === "writer" ? writer : reader;
    expect(await asked.indexOf(leafHashes)).toEqual(indices);
    expect(await asked.indexOf(new Uint8Array(64).fill(7))).toEqual([undefined, undefined]);
    await Promise.all([reader.close(), writer.close()]);
  });

  test("answers nothing for a reader that is closed meanwhile, rather than that a leaf is absent", async () => {
    const reader = await openLmdbReader({ directory });
    const asked = expectCodeAsync(reader.indexOf(leafHashes.subarray(-32)), "STORE_CLOSED");
    await reader.close();
    await asked;
  });
});
