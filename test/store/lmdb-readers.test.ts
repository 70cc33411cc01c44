import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { openEnvironment } from "../../src/store/lmdb-environment.ts";
import { LOG_LAYOUT } from "../../src/store/lmdb-layout.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { IS_FULL } from "../runs.ts";
import { patternBatch } from "./model.ts";
import { type Child, startChild, until } from "./processes.ts";

const ORIGIN = "example.com/store";

vi.mock("lmdb", { spy: true });

describe("lmdb: readers in other processes", () => {
  let directory = "";
  let children: Child[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "bristlecone-readers-"));
    children = [];
  });
  afterEach(async () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    for (const child of children) await child.kill();
    await rm(directory, { recursive: true });
  });

  test.runIf(IS_FULL)(
    "a reader follows while the map grows by more than 64 MiB, and its slot is freed after kill -9",
    async () => {
      const store = await openLmdbStore({ directory, origin: ORIGIN });
      const child = startChild("read", directory);
      children.push(child);
      expect(await child.next()).toEqual({ opened: 0 });
      let size = 0;
      for (let batch = 0; batch < 40; batch++) {
        await store.commit(patternBatch(size, 64, 30_000));
        size += 64;
      }
      await until(() => child.messages.at(-1)?.size === size);
      expect(child.messages.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
      expect(child.messages.length).toBeGreaterThan(3);

      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
      const env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: true });
      const raw = open({ path: directory, noSubdir: false, readOnly: true });
      const slots = (): number =>
        raw
          .readerList()
          .split("\n")
          .filter((line) => line.includes(`${child.pid} `)).length;
      expect(slots()).toBeGreaterThan(0);
      const killed = child.kill();
      // Under load: the reader dies while the log grows.
      await store.commit(patternBatch(size, 64, 30_000));
      await killed;
      expect(slots()).toBeGreaterThan(0);
      vi.advanceTimersByTime(60_000);
      expect(slots()).toBe(0);
      await raw.close();
      await env.close();
      await store.close();
    },
    60_000,
  );

  test("a look for dead readers that fails ends nothing", async () => {
    await (await openLmdbStore({ directory, origin: ORIGIN })).close();
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: true });
    const look = vi
      .spyOn(vi.mocked(open).mock.results.at(-1)?.value, "readerCheck")
      .mockImplementation(() => {
        throw new InvariantError("no lock file");
      });
    vi.advanceTimersByTime(120_000);
    expect(look).toHaveBeenCalledTimes(2);
    await env.close();
  });

  test("a reader in the same process sees each commit once it resolved, and none after closing", async () => {
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    const reader = await openLmdbReader({ directory, origin: ORIGIN });
    expect(reader.origin).toBe(ORIGIN);
    for (let size = 0; size < 5; size++) {
      await store.commit(patternBatch(size, 1, 20));
      expect((await reader.head()).integrated.treeSize).toBe(size + 1);
      expect(await reader.readEntries({ start: size, end: size + 1 })).toBeDefined();
    }
    await store.close();
    expect((await reader.head()).integrated.treeSize).toBe(5);
    await reader.close();
    await expectCodeAsync(reader.head(), "STORE_CLOSED");
  });
});
