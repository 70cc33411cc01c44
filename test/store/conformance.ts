/** The storage port's contract as tests. Every adapter runs them. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import type { LogStore } from "../../src/store/store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { batchOf, bytesOf, entriesFrom, hashNamed, headOf, joined, StoreModel } from "./model.ts";

/** One disk that can be opened many times. */
export interface StoreDisk {
  open(origin?: string): Promise<LogStore>;
  /** Closes nothing; frees what the disk takes. */
  remove(): Promise<void>;
}

const ORIGIN = "example.com/store";

/** Runs the contract over one adapter. @param makeDisk - an empty disk whose default origin is example.com/store. */
export function testLogStore(name: string, makeDisk: () => Promise<StoreDisk>): void {
  describe(`${name}: the storage port`, () => {
    const held: { disk: StoreDisk | undefined; opened: LogStore[] } = { disk: undefined, opened: [] };
    const open = async (origin = ORIGIN): Promise<LogStore> => {
      if (held.disk === undefined) throw new Error("no disk");
      const store = await held.disk.open(origin);
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

type Open = (origin?: string) => Promise<LogStore>;

/** Like toEqual, but does not walk 16 MiB byte by byte. */
function expectBytes(actual: Uint8Array | undefined, wanted: Uint8Array | undefined): void {
  if (actual !== undefined && wanted !== undefined && Buffer.compare(actual, wanted) === 0) return;
  expect(actual?.subarray(0, 1000)).toEqual(wanted?.subarray(0, 1000));
  expect(actual?.length).toBe(wanted?.length);
  if (actual !== undefined) expect.unreachable("the bytes differ beyond the first 1,000");
}

/** Commits `count` fresh entries. */
async function grow(store: LogStore, count: number): Promise<void> {
  const from = (await store.head()).integrated.treeSize;
  await store.commit(batchOf(from, entriesFrom(from, count)));
}

function testHeads(open: Open): void {
  test("a new log is empty, was never signed and never published", async () => {
    const store = await open();
    expect(await store.head()).toEqual({
      integrated: { treeSize: 0, peaks: [] },
      signed: undefined,
      published: undefined,
    });
  });

  test("head gives the last batch's head, peaks in order", async () => {
    const store = await open();
    await grow(store, 7);
    expect((await store.head()).integrated).toEqual(headOf(7));
    await grow(store, 300);
    expect((await store.head()).integrated).toEqual(headOf(307));
  });

  test("everything is there again after closing and opening", async () => {
    const store = await open();
    await grow(store, 700);
    await store.recordSigned({ treeSize: 600, rootHash: hashNamed("root") });
    await store.publish({ treeSize: 500, checkpoint: bytesOf("note") });
    const head = await store.head();
    await store.close();
    const again = await open();
    expect(await again.head()).toEqual(head);
    expect(await again.readTile({ level: 0, index: 2, width: 188 })).toBeDefined();
    expect(again.writer).toMatchObject({ storeId: store.writer.storeId, epoch: store.writer.epoch + 1 });
  });

  test("a batch on another size is refused with HEAD_MOVED and leaves nothing", async () => {
    const store = await open();
    await grow(store, 3);
    await expectCodeAsync(store.commit(batchOf(2, entriesFrom(2, 9))), "HEAD_MOVED");
    await expectCodeAsync(store.commit(batchOf(4, entriesFrom(4, 9))), "HEAD_MOVED");
    expect((await store.head()).integrated).toEqual(headOf(3));
    expect(await store.readEntries({ start: 3, end: 4 })).toBeUndefined();
    expect(await store.indexOf([batchOf(4, entriesFrom(4, 1)).leafHashes[0]!])).toEqual([undefined]);
    await grow(store, 1);
  });

  test("of two batches at once on one size the second is refused", async () => {
    const store = await open();
    const outcomes = await Promise.allSettled([
      store.commit(batchOf(0, [bytesOf("a")])),
      store.commit(batchOf(0, [bytesOf("b")])),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expectBytes(await store.readEntries({ start: 0, end: 1 }), joined([Uint8Array.of(0, 1), bytesOf("a")]));
  });

  test("batches queued one upon the other all get in", async () => {
    const store = await open();
    await Promise.all([0, 1, 2, 3].map((from) => store.commit(batchOf(from, entriesFrom(from, 1)))));
    expect((await store.head()).integrated.treeSize).toBe(4);
  });

  test.each([
    ["no entries", { ...batchOf(0, []), entries: [] }],
    ["a head of another size", { ...batchOf(0, entriesFrom(0, 2)), head: headOf(3) }],
    ["too few peaks", { ...batchOf(0, entriesFrom(0, 3)), head: { treeSize: 3, peaks: [hashNamed("p")] } }],
    [
      "a missing level",
      { ...batchOf(0, entriesFrom(0, 256)), levels: batchOf(0, entriesFrom(0, 256)).levels.slice(0, 1) },
    ],
    [
      "a level too many",
      { ...batchOf(0, entriesFrom(0, 2)), levels: batchOf(0, entriesFrom(0, 256)).levels },
    ],
    ["an entry of 65,536 bytes", batchOf(0, [new Uint8Array(65_536)], [hashNamed("x")])],
    ["a leaf hash of 31 bytes", batchOf(0, [bytesOf("x")], [new Uint8Array(31)])],
  ])("a batch with %s is a bug, not written", async (_, batch) => {
    const store = await open();
    await expect(store.commit(batch)).rejects.toThrow(InvariantError);
    expect((await store.head()).integrated.treeSize).toBe(0);
  });

  const root = hashNamed("root");
  test.each([
    ["nothing yet, size 0", undefined, { treeSize: 0, rootHash: root }, true],
    ["nothing yet, the integrated size", undefined, { treeSize: 10, rootHash: root }, true],
    ["nothing yet, beyond the integrated size", undefined, { treeSize: 11, rootHash: root }, false],
    ["a larger size", 4, { treeSize: 5, rootHash: hashNamed("other") }, true],
    ["the same size and root", 4, { treeSize: 4, rootHash: root }, true],
    ["the same size, another root", 4, { treeSize: 4, rootHash: hashNamed("other") }, false],
    ["a smaller size", 4, { treeSize: 3, rootHash: root }, false],
    ["size 0 after a larger one", 4, { treeSize: 0, rootHash: root }, false],
    ["beyond the integrated size", 4, { treeSize: 11, rootHash: root }, false],
  ])("recordSigned, %s", async (_, signed, next, isAllowed) => {
    const store = await open();
    await grow(store, 10);
    if (signed !== undefined) await store.recordSigned({ treeSize: signed, rootHash: root });
    const before = await store.head();
    if (isAllowed) {
      await store.recordSigned(next);
      expect((await store.head()).signed).toEqual(next);
    } else {
      await expectCodeAsync(store.recordSigned(next), "SIGNED_SIZE_WENT_BACK");
      expect(await store.head()).toEqual(before);
    }
  });

  test.each([
    ["before anything is signed", undefined, undefined, 0, false],
    ["the signed size", 4, undefined, 4, true],
    ["a smaller size than the signed one", 4, undefined, 3, true],
    ["a larger size than the signed one", 4, undefined, 5, false],
    ["the published size again, with more cosignatures", 4, 3, 3, true],
    ["a smaller size than the published one", 4, 3, 2, false],
    ["a larger size than the published one", 4, 3, 4, true],
  ])("publish, %s", async (_, signed, published, treeSize, isAllowed) => {
    const store = await open();
    await grow(store, 10);
    if (signed !== undefined) await store.recordSigned({ treeSize: signed, rootHash: root });
    if (published !== undefined) await store.publish({ treeSize: published, checkpoint: bytesOf("first") });
    const before = await store.head();
    const next = { treeSize, checkpoint: bytesOf("next") };
    if (isAllowed) {
      await store.publish(next);
      expect((await store.head()).published).toEqual(next);
    } else {
      await expectCodeAsync(store.publish(next), "SIGNED_SIZE_WENT_BACK");
      expect(await store.head()).toEqual(before);
    }
  });
}

function testWriters(open: Open): void {
  test("each opening counts the epoch up, draws a writer id and keeps the store id", async () => {
    const first = await open();
    await first.close();
    const second = await open();
    expect(first.writer.epoch).toBe(1);
    expect(second.writer.epoch).toBe(2);
    expect(second.writer.storeId).toBe(first.writer.storeId);
    expect(second.writer.writerId).not.toBe(first.writer.writerId);
    for (const token of [first.writer.storeId, first.writer.writerId, second.writer.writerId]) {
      expect(token).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  test("a second opening takes the log over: the first may read, but not write", async () => {
    const first = await open();
    await grow(first, 3);
    const second = await open();
    await expectCodeAsync(first.commit(batchOf(3, entriesFrom(3, 1))), "WRITER_REPLACED");
    await expectCodeAsync(first.recordSigned({ treeSize: 1, rootHash: hashNamed("r") }), "WRITER_REPLACED");
    await expectCodeAsync(first.publish({ treeSize: 0, checkpoint: bytesOf("c") }), "WRITER_REPLACED");
    await expectCodeAsync(first.adoptLineage("0".repeat(32)), "WRITER_REPLACED");
    expect(await second.head()).toEqual({ integrated: headOf(3), signed: undefined, published: undefined });
    await grow(second, 300);
    expect((await first.head()).integrated).toEqual(headOf(303));
    expect(await first.readTile({ level: 1, index: 0, width: 1 })).toBeDefined();
  });

  test("another origin is refused, and the first writer goes on", async () => {
    const store = await open();
    await expectCodeAsync(open("example.com/other"), "STORE_ORIGIN_MISMATCH");
    await grow(store, 1);
  });

  test("the lineage token is found by the next opening", async () => {
    const first = await open();
    expect(first.writer.lineage).toBeUndefined();
    await first.adoptLineage("0123456789abcdef0123456789abcdef");
    await first.adoptLineage("f".repeat(32));
    expect(first.writer.lineage).toBeUndefined();
    await first.close();
    expect((await open()).writer.lineage).toBe("f".repeat(32));
  });
}

function testTilesAndEntries(open: Open): void {
  test("every partial width that was ever valid is served, before and after the tile is full", async () => {
    const store = await open();
    const model = new StoreModel();
    for (const count of [1, 99, 155, 1, 1, 600]) {
      const batch = batchOf(model.treeSize, entriesFrom(model.treeSize, count));
      await store.commit(batch);
      model.apply(batch);
      for (let width = 1; width <= 256; width++) {
        const tile = { level: 0, index: 0, width };
        expectBytes(await store.readTile(tile), model.tile(0, 0, width));
      }
    }
  });

  test("levels, groups of full tiles and the open tile fit together over thousands of leaves", async () => {
    const store = await open();
    const model = new StoreModel();
    for (const count of [2047, 1, 1, 255, 4000, 96, 60_000]) {
      const batch = batchOf(model.treeSize, entriesFrom(model.treeSize, count));
      await store.commit(batch);
      model.apply(batch);
      for (const level of [0, 1, 2, 3]) {
        for (const index of [0, 1, 7, 8, 9, 15, 16, 24, 25, 200, 258]) {
          for (const width of [1, 255, 256]) {
            expectBytes(await store.readTile({ level, index, width }), model.tile(level, index, width));
          }
        }
      }
    }
  });

  test.each([255, 256, 257, 511, 512, 513])("entries at the bundle border, %i of them", async (size) => {
    for (const steps of [[size], [size - 1, 1], [100, size - 100], [255, size - 255]]) {
      const store = await open();
      const start = (await store.head()).integrated.treeSize;
      const pad = (256 - (start % 256)) % 256;
      if (pad > 0) await grow(store, pad);
      for (const count of steps) if (count > 0) await grow(store, count);
      const { treeSize } = (await store.head()).integrated;
      const model = new StoreModel();
      for (let at = 0; at < treeSize; at++) model.apply(batchOf(at, entriesFrom(at, 1)));
      for (let bundle = 0; bundle <= treeSize; bundle += 256) {
        for (const [first, last] of [
          [0, 1],
          [0, 255],
          [0, 256],
          [254, 256],
          [255, 256],
          [100, 200],
        ] as const) {
          const range = { start: bundle + first, end: bundle + last };
          expectBytes(await store.readEntries(range), model.encodedEntries(range.start, range.end));
        }
      }
    }
  });

  test("entries of no bytes and of 65,535 bytes, in the open bundle and in a full one", async () => {
    const store = await open();
    const model = new StoreModel();
    const large = (fill: number): Uint8Array => new Uint8Array(65_535).fill(fill);
    const commit = async (entries: readonly Uint8Array[]): Promise<void> => {
      const batch = batchOf(
        model.treeSize,
        entries,
        entries.map((_, index) => hashNamed(`large ${model.treeSize + index}`)),
      );
      await store.commit(batch);
      model.apply(batch);
      for (const [first, last] of [
        [0, 1],
        [1, 2],
        [1, 3],
        [15, 17],
        [16, 32],
        [0, 256],
        [250, 256],
      ] as const) {
        expectBytes(await store.readEntries({ start: first, end: last }), model.encodedEntries(first, last));
      }
    };
    await commit([new Uint8Array(0), large(1), new Uint8Array(0), large(2)]);
    await commit(Array.from({ length: 252 }, (_, index) => large(index)));
  }, 30_000);

  test("what is not there is undefined", async () => {
    const store = await open();
    expect(await store.readTile({ level: 0, index: 0, width: 1 })).toBeUndefined();
    expect(await store.readEntries({ start: 0, end: 1 })).toBeUndefined();
    await grow(store, 300);
    for (const tile of [
      { level: 0, index: 1, width: 45 },
      { level: 0, index: 2, width: 1 },
      { level: 1, index: 0, width: 2 },
      { level: 1, index: 1, width: 1 },
      { level: 2, index: 0, width: 1 },
      { level: 63, index: 0, width: 1 },
      { level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
    ]) {
      expect(await store.readTile(tile)).toBeUndefined();
    }
    expect(await store.readEntries({ start: 299, end: 301 })).toBeUndefined();
    expect(await store.readEntries({ start: 2 ** 53 - 2, end: 2 ** 53 - 1 })).toBeUndefined();
    expect(await store.indexOf([])).toEqual([]);
  });

  test("a request that cannot be is refused by name", async () => {
    const store = await open();
    for (const tile of [
      { level: 0, index: 0, width: 0 },
      { level: 0, index: 0, width: 257 },
      { level: -1, index: 0, width: 1 },
      { level: 0, index: 0.5, width: 1 },
      { level: 0, index: 2 ** 53, width: 1 },
    ]) {
      await expectCodeAsync(store.readTile(tile), "ARGUMENT_INVALID");
    }
    for (const range of [
      { start: 1, end: 1 },
      { start: 2, end: 1 },
      { start: 255, end: 257 },
      { start: -1, end: 1 },
      { start: 0, end: 257 },
    ]) {
      await expectCodeAsync(store.readEntries(range), "ARGUMENT_INVALID");
    }
    await expectCodeAsync(store.indexOf([new Uint8Array(31)]), "ARGUMENT_INVALID");
  });

  test("the leaf index is exact on all 32 bytes and keeps the smallest index", async () => {
    const store = await open();
    const hash = hashNamed("leaf");
    const sharing = (at: number): Uint8Array => hash.map((byte, index) => (index === at ? byte ^ 1 : byte));
    const leaves = [hashNamed("x"), hash, sharing(31), hash, sharing(8), sharing(31)];
    await store.commit(
      batchOf(
        0,
        leaves.map((_, index) => bytesOf(`${index}`)),
        leaves,
      ),
    );
    await store.commit(
      batchOf(
        6,
        leaves.map((_, index) => bytesOf(`${index}`)),
        leaves,
      ),
    );
    expect(await store.indexOf([hash, sharing(31), sharing(8), hashNamed("x")])).toEqual([1, 2, 4, 0]);
    expect(await store.indexOf([sharing(9), sharing(7), sharing(0)])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
}

function testOwnership(open: Open): void {
  test("changing what was given after the call changes nothing", async () => {
    const store = await open();
    const entries = [bytesOf("one"), bytesOf("two")];
    const batch = batchOf(0, entries);
    const before = { leafHashes: batch.leafHashes.map((hash) => hash.slice()) };
    const committed = store.commit(batch);
    for (const bytes of [...entries, ...batch.leafHashes, ...batch.head.peaks, batch.levels[0]!.hashes])
      bytes.fill(0);
    await committed;
    expectBytes(
      await store.readEntries({ start: 0, end: 2 }),
      joined([Uint8Array.of(0, 3), bytesOf("one"), Uint8Array.of(0, 3), bytesOf("two")]),
    );
    expect(await store.indexOf(before.leafHashes)).toEqual([0, 1]);
    expectBytes(await store.readTile({ level: 0, index: 0, width: 2 }), joined(before.leafHashes));
    expect((await store.head()).integrated).toEqual(headOf(2));

    const signed = { treeSize: 2, rootHash: hashNamed("root") };
    const recorded = store.recordSigned(signed);
    signed.rootHash.fill(0);
    await recorded;
    const published = { treeSize: 2, checkpoint: bytesOf("note") };
    const publishing = store.publish(published);
    published.checkpoint.fill(0);
    await publishing;
    expect((await store.head()).signed?.rootHash).toEqual(hashNamed("root"));
    expect((await store.head()).published?.checkpoint).toEqual(bytesOf("note"));
  });

  test("changing what was read changes nothing, and later reads do not change it", async () => {
    const store = await open();
    await grow(store, 600);
    await store.recordSigned({ treeSize: 3, rootHash: hashNamed("root") });
    await store.publish({ treeSize: 3, checkpoint: bytesOf("note") });
    const read = async (): Promise<readonly (Uint8Array | undefined)[]> => {
      const head = await store.head();
      return [
        await store.readTile({ level: 0, index: 0, width: 256 }),
        await store.readTile({ level: 0, index: 2, width: 88 }),
        await store.readEntries({ start: 0, end: 256 }),
        await store.readEntries({ start: 512, end: 600 }),
        ...head.integrated.peaks,
        head.signed?.rootHash,
        head.published?.checkpoint,
      ];
    };
    const first = await read();
    const copies = first.map((bytes) => bytes?.slice());
    const second = await read();
    expect(first).toEqual(copies);
    for (const bytes of second) {
      expect(bytes?.constructor).toBe(Uint8Array);
      bytes?.fill(0);
    }
    expect(await read()).toEqual(copies);
  });
}

function testClosing(open: Open): void {
  test("after close everything is refused with STORE_CLOSED, and closing again is fine", async () => {
    const store = await open();
    await grow(store, 1);
    await store.close();
    await store.close();
    for (const call of [
      () => store.head(),
      () => store.readTile({ level: 0, index: 0, width: 1 }),
      () => store.readEntries({ start: 0, end: 1 }),
      () => store.indexOf([hashNamed("x")]),
      () => store.commit(batchOf(1, entriesFrom(1, 1))),
      () => store.adoptLineage("0".repeat(32)),
      () => store.recordSigned({ treeSize: 1, rootHash: hashNamed("r") }),
      () => store.publish({ treeSize: 1, checkpoint: bytesOf("c") }),
    ]) {
      await expectCodeAsync(call(), "STORE_CLOSED");
    }
  });

  test("close waits for the commit in flight", async () => {
    const store = await open();
    const committed = store.commit(batchOf(0, entriesFrom(0, 10)));
    await store.close();
    await committed;
    expect((await (await open()).head()).integrated.treeSize).toBe(10);
  });

  test("the methods work without their object, so that a store can be wrapped", async () => {
    const store = await open();
    const wrapped = { ...store, close: () => store.close() };
    await grow(wrapped, 2);
    expect((await wrapped.head()).integrated.treeSize).toBe(2);
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
      { numRuns: 12 },
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
    const start = index * 256 + ((seed >> 8) % width);
    const range = { start, end: index * 256 + width };
    expectBytes(await store.readEntries(range), model.encodedEntries(range.start, range.end));
  }
  const hashes = [...model.leafHashes.slice(-30), ...model.leafHashes.slice(0, 30), hashNamed("absent")];
  expect(await store.indexOf(hashes)).toEqual(hashes.map((hash) => model.indexOf(hash)));
}
