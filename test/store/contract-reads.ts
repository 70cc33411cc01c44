/** Tiles, entries, the leaf index, and whose the bytes are. */
import { expect, test } from "vitest";
import { expectCodeAsync } from "../expect-code.ts";
import { IS_FULL, some } from "../runs.ts";
import { expectBytes, expectSection, grow, type Open } from "./contract.ts";
import {
  batchOf,
  bytesOf,
  entriesFrom,
  hashNamed,
  headOf,
  joined,
  StoreModel,
  withoutInner,
} from "./model.ts";

export function testTilesAndEntries(open: Open): void {
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
    for (const count of [2047, 1, 1, 255, 4000, 96, ...(IS_FULL ? [60_000] : [])]) {
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

  test("of every full tile each section is there with the tile's inner nodes, however batches cut it", async () => {
    const store = await open();
    const model = new StoreModel();
    for (const count of [15, 1, 240, 255, 1, 17, 600, 3, 3000]) {
      const batch = batchOf(model.treeSize, entriesFrom(model.treeSize, count));
      await store.commit(batch);
      model.apply(batch);
      for (let leaf = 0; leaf < model.treeSize + 256; leaf += 131) {
        expectSection(await store.readSection(leaf), model.section(leaf));
      }
    }
    await expectCodeAsync(store.readSection(-1), "ARGUMENT_INVALID");
  });

  test("tiles of which a version that gives no inner nodes wrote a part have none, and those after them have", async () => {
    const store = await open();
    const model = new StoreModel();
    const add = async (count: number, change = (batch: ReturnType<typeof batchOf>) => batch) => {
      const batch = batchOf(model.treeSize, entriesFrom(model.treeSize, count));
      await store.commit(change(batch));
      model.apply(batch);
    };
    await add(300);
    await add(20, withoutInner); // Tile 1 is open.
    await add(200);
    await add(600, withoutInner);
    await add(100);
    await add(900, withoutInner);
    await add(4000);
    const without = [1, 2, 3, 4, 5, 6, 7, 8];
    for (let tile = 0; tile < 24; tile++) {
      const wanted = without.includes(tile) ? undefined : model.section(tile * 256);
      expectSection(await store.readSection(tile * 256), wanted);
    }
  });

  test.each(some([255, 256, 257, 511, 512, 513]))(
    "entries at the bundle border, %i of them",
    async (size) => {
      for (const steps of [[size], [size - 1, 1], [100, size - 100], [255, size - 255]]) {
        const store = await open();
        const start = (await store.head()).integrated.treeSize;
        const pad = (256 - (start % 256)) % 256;
        if (pad > 0) await grow(store, pad);
        for (const count of steps) if (count > 0) await grow(store, count);
        const { treeSize } = (await store.head()).integrated;
        const model = new StoreModel();
        model.apply(batchOf(0, entriesFrom(0, treeSize)));
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
    },
  );

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
    expect(await store.indexOf(new Uint8Array(0))).toEqual([]);
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
    await expectCodeAsync(store.indexOf(new Uint8Array(31)), "ARGUMENT_INVALID");
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
    expect(await store.indexOf(joined([hash, sharing(31), sharing(8), hashNamed("x")]))).toEqual([
      1, 2, 4, 0,
    ]);
    expect(await store.indexOf(joined([sharing(9), sharing(7), sharing(0)]))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
}

export function testOwnership(open: Open): void {
  test("changing what was given after the promise settled changes nothing", async () => {
    const store = await open();
    const batch = batchOf(0, [bytesOf("one"), bytesOf("two")]);
    const leafHashes = batch.leafHashes.slice();
    await store.commit(batch);
    const { entries, levels, head } = batch;
    for (const bytes of [entries.bytes, entries.offsets, batch.leafHashes, ...head.peaks, levels[0]!.hashes])
      bytes.fill(0);
    expectBytes(
      await store.readEntries({ start: 0, end: 2 }),
      joined([Uint8Array.of(0, 3), bytesOf("one"), Uint8Array.of(0, 3), bytesOf("two")]),
    );
    expect(await store.indexOf(leafHashes)).toEqual([0, 1]);
    expectBytes(await store.readTile({ level: 0, index: 0, width: 2 }), leafHashes);
    expect((await store.head()).integrated).toEqual(headOf(2));

    const signed = { treeSize: 2, rootHash: hashNamed("root") };
    const recorded = store.recordHeads({ signed });
    signed.rootHash.fill(0);
    await recorded;
    const published = { treeSize: 2, checkpoint: bytesOf("note") };
    const publishing = store.recordHeads({ published });
    published.checkpoint.fill(0);
    await publishing;
    expect((await store.head()).signed?.rootHash).toEqual(hashNamed("root"));
    expect((await store.head()).published?.checkpoint).toEqual(bytesOf("note"));
  });

  test("changing what was read changes nothing, and later reads do not change it", async () => {
    const store = await open();
    await grow(store, 600);
    await store.recordHeads({ signed: { treeSize: 3, rootHash: hashNamed("root") } });
    await store.recordHeads({ published: { treeSize: 3, checkpoint: bytesOf("note") } });
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
