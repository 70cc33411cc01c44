import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openLmdbWitnessReader, openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import type { WitnessReader } from "../../src/store/witness-store.ts";
import { IS_FULL } from "../runs.ts";
import { buildShim, type Child, makeSwitches, type Switches, startChild } from "./processes.ts";
import { allRows, headAt, LOG, NAME, tell } from "./witness-contract.ts";

describe("lmdb: no cosigned head is visible or answered before it is durable", () => {
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
    directory = join(parent, "witness");
    switches = await makeSwitches(parent);
    child = startChild("witness", directory, { library, switches: switches.path });
    expect(await child.next()).toEqual({ opened: 1 });
    child.send("cosign 0 3");
    expect(await child.next()).toEqual({ line: "cosign 0 3", applied: [true] });
  });
  afterEach(async () => {
    if (library === undefined) return;
    await child.kill();
    await rm(parent, { recursive: true });
  });

  test("head, row and journal are seen by another process, and answered, only after both syncs", async () => {
    const reader = await openLmdbWitnessReader({ directory });
    await switches.on("hold-data");
    await switches.on("hold-meta");
    child.send("cosign 3 8");
    await switches.untilHeld("data");
    await expectUnseen(reader, child, 3);
    await switches.off("hold-data");
    // The head is in the page cache now, but not on the disk.
    await switches.untilHeld("meta");
    await expectUnseen(reader, child, 3);
    await switches.off("hold-meta");
    expect(await child.next()).toEqual({ line: "cosign 3 8", applied: [true] });
    expect(await seenBy(reader)).toEqual({ size: 8, rows: [3, 8], journal: 2 });
    await reader.close();
  });

  test("evidence is seen only after it is synced", async () => {
    const reader = await openLmdbWitnessReader({ directory });
    await switches.on("hold-data");
    child.send("evidence a");
    await switches.untilHeld("data");
    expect(await reader.evidence(LOG)).toEqual([]);
    await switches.off("hold-data");
    expect(await child.next()).toEqual({ line: "evidence a", outcome: "added" });
    expect(await reader.evidence(LOG)).toHaveLength(1);
    await reader.close();
  });

  test.each(["fail-data", "fail-meta"] as const)(
    "%s: nothing is answered, and nothing is written any more",
    async (failure) => {
      await switches.on(failure);
      for (const line of ["cosign 3 8", "cosign 3 8", "evidence a"]) {
        child.send(line);
        expect(await child.next()).toEqual({ line, failed: "STORE_FAILED" });
        if (line === "cosign 3 8") await switches.off(failure).catch(() => undefined);
      }
      const reader = await openLmdbWitnessReader({ directory });
      expect(await seenBy(reader)).toEqual({ size: 3, rows: [3], journal: 1 });
      await reader.close();
      child.send("close");
      expect(await child.next()).toEqual({ line: "close" });
      await expectWhole(directory, [3]);
    },
  );

  test.each(["data", "meta"] as const)(
    "kill -9 while %s is being synced leaves all of a step or nothing of it",
    async (stage) => {
      await switches.on(`hold-${stage}`);
      child.send("cosign 3 8");
      await switches.untilHeld(stage);
      await child.kill();
      await expectWhole(directory, [3, 8]);
    },
  );

  test.runIf(IS_FULL)(
    "kill -9 at any moment loses nothing that was answered",
    async () => {
      let size = 3;
      for (let round = 0; round < 3; round++) {
        for (let count = 0; count < 5; count++) {
          child.send(`cosign ${size} ${size + 1}`);
          expect(await child.next()).toMatchObject({ applied: [true] });
          size += 1;
        }
        child.send(`cosign ${size} ${size + 1}`);
        for (let turn = 0; turn < round * 3; turn++) await new Promise(setImmediate);
        await child.kill();
        size = await expectWhole(directory, [size, size + 1]);
        child = startChild("witness", directory);
        await child.next();
      }
    },
    60_000,
  );

  test("a witness that cannot be synced when it is made or opened is refused", async () => {
    if (library === undefined) return;
    await switches.on("fail-data");
    for (const name of ["a/witness", "witness"]) {
      const second = startChild("witness", join(parent, name), { library, switches: switches.path });
      expect(await second.next()).toEqual({ failed: "STORE_FAILED" });
      await second.kill();
    }
  });
});

async function seenBy(reader: WitnessReader): Promise<object> {
  const size = (await reader.head(LOG))?.treeSize;
  const rows = (await allRows(reader)).map(({ treeSize }) => treeSize);
  return { size, rows, journal: (await reader.journal()).treeSize };
}

/** Asks many times, so that a head that is shown too early is seen. */
async function expectUnseen(reader: WitnessReader, child: Child, size: number): Promise<void> {
  const answered = child.messages.length;
  for (let poll = 0; poll < 50; poll++) {
    expect(await seenBy(reader)).toEqual({ size, rows: [size], journal: 1 });
    await new Promise(setImmediate);
  }
  expect(child.messages).toHaveLength(answered);
}

/** Opens the storage again: the head is one of the sizes, its row and every earlier one are there, and it goes on. @returns its size then. */
async function expectWhole(directory: string, sizes: readonly number[]): Promise<number> {
  const store = await openLmdbWitnessStore({ directory, name: NAME });
  const head = await store.head(LOG);
  const size = head?.treeSize ?? 0;
  expect(sizes).toContain(size);
  expect(head).toEqual(headAt(size, size));
  const rows = (await allRows(store)).map(({ treeSize }) => treeSize);
  expect(rows).toEqual(
    Array.from({ length: size }, (_, index) => index + 1).filter((one) => rows.includes(one)),
  );
  expect(rows.at(-1)).toBe(size);
  expect((await store.journal()).treeSize).toBe(rows.length);
  await tell(store, [headAt(size + 1, size + 1)]);
  await store.close();
  return size + 1;
}
