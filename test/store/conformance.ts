/** The storage port's contract as tests. Every adapter runs them. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogStore } from "../../src/store/store.ts";
import { runs } from "../runs.ts";
import { expectBytes, ORIGIN } from "./contract.ts";
import { testHeads } from "./contract-heads.ts";
import { testOwnership, testTilesAndEntries } from "./contract-reads.ts";
import { testClosing, testWriters } from "./contract-writers.ts";
import { batchOf, bytesOf, hashNamed, headOf, joined, StoreModel } from "./model.ts";

/** One disk that can be opened many times. */
export interface StoreDisk {
  open(origin?: string, fills?: boolean): Promise<LogStore>;
  /** Closes nothing; frees what the disk takes. */
  remove(): Promise<void>;
}

/** Runs the contract over one adapter. @param makeDisk - an empty disk whose default origin is example.com/store. */
export function testLogStore(name: string, makeDisk: () => Promise<StoreDisk>): void {
  describe(`${name}: the storage port`, () => {
    const held: { disk: StoreDisk | undefined; opened: LogStore[] } = { disk: undefined, opened: [] };
    const open = async (origin = ORIGIN, fills = false): Promise<LogStore> => {
      if (held.disk === undefined) throw new Error("no disk");
      const store = await held.disk.open(origin, fills);
      held.opened.push(store);
      return store;
    };
    beforeEach(async () => {
      held.disk = await makeDisk();
      held.opened = [];
    });
    afterEach(async () => {
      for (const store of held.opened) await store.close();
      await held.disk?.remove();
    });
    testHeads(open);
    testWriters(open);
    testTilesAndEntries(open);
    testOwnership(open);
    testClosing(open);
    testProperty(makeDisk);
  });
}

function testProperty(makeDisk: () => Promise<StoreDisk>): void {
  test("random batches with reopenings equal the naive model", async () => {
    const entry = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat({ max: 9 }).map((n) => bytesOf(`same ${n}`)),
    );
    const step = fc.record({
      entries: fc.oneof(
        { weight: 5, arbitrary: fc.array(entry, { minLength: 1, maxLength: 20 }) },
        { weight: 1, arbitrary: fc.array(entry, { minLength: 200, maxLength: 600 }) },
      ),
      reopens: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(), async (steps, seed) => {
        const disk = await makeDisk();
        const model = new StoreModel();
        let store = await disk.open(ORIGIN);
        for (const { entries, reopens } of steps) {
          const batch = batchOf(model.treeSize, entries);
          await store.commit(batch);
          model.apply(batch);
          if (reopens) {
            await store.close();
            store = await disk.open(ORIGIN);
          }
          await compare(store, model, seed);
        }
        await store.close();
        await disk.remove();
      }),
      { numRuns: runs(12) },
    );
  }, 60_000);
}

async function compare(store: LogStore, model: StoreModel, seed: number): Promise<void> {
  expect((await store.head()).integrated).toEqual(headOf(model.treeSize));
  for (let index = 0; index * 256 <= model.treeSize; index++) {
    const width = 1 + ((seed + index) % 256);
    for (const level of [0, 1]) {
      const tile = { level, index, width };
      expectBytes(await store.readTile(tile), model.tile(level, index, width));
    }
    const leaf = index * 256 + (seed % 256);
    expect(await store.readSection(leaf)).toEqual(model.section(leaf));
    const start = index * 256 + ((seed >> 8) % width);
    const range = { start, end: index * 256 + width };
    expectBytes(await store.readEntries(range), model.encodedEntries(range.start, range.end));
  }
  const hashes = [...model.leafHashes.slice(-30), ...model.leafHashes.slice(0, 30), hashNamed("absent")];
  expect(await store.indexOf(joined(hashes))).toEqual(hashes.map((hash) => model.indexOf(hash)));
}
