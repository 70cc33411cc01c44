/** Rows of inner nodes that are not what was written: derived data, which is then as good as none. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { patternBatch, StoreModel } from "./model.ts";

const ORIGIN = "example.com/store";
const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;
const OPEN = "80";
const GROUP = "800000000000000000";

describe("lmdb: a row of inner nodes", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "bristlecone-inner-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test.each<[string, (row: Uint8Array) => Uint8Array]>([
    ["too short", (row) => row.subarray(0, row.length - 1)],
    ["too long", (row) => new Uint8Array([...row, 0])],
    ["empty", () => new Uint8Array(0)],
    ["of a number of sections that is none", (row) => new Uint8Array([255, ...row.subarray(1)])],
    [
      "of another number of sections",
      (row) => new Uint8Array([...row.subarray(0, 7), 3, ...row.subarray(8)]),
    ],
  ])(
    "of the open tile that is %s stops no batch: that tile has none, the next one has",
    async (_, change) => {
      const model = await committed(100);
      await changeRow(OPEN, change);
      await grow(model, [200, 300]);
      const store = await openLmdbStore({ directory, origin: ORIGIN });
      expect(await store.readSection(0)).toBeUndefined();
      expect(await store.readSection(256)).toEqual(model.section(256));
      await store.close();
    },
  );

  test.each<[string, (row: Uint8Array) => Uint8Array]>([
    ["too short", (row) => row.subarray(0, row.length - 1)],
    ["too long", () => new Uint8Array(9 * 960)],
  ])("of a group that is %s counts as missing, and holds what is added", async (_, change) => {
    const model = await committed(600);
    await changeRow(GROUP, change);
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    expect(await store.readSection(0)).toBeUndefined();
    expect(await store.readTile({ level: 0, index: 0, width: 256 })).toEqual(model.tile(0, 0, 256));
    await store.close();
    await grow(model, [300]);
    const again = await openLmdbStore({ directory, origin: ORIGIN });
    expect(await again.readSection(0)).toBeUndefined();
    expect(await again.readSection(2 * 256)).toEqual(model.section(2 * 256));
    await again.close();
  });

  async function committed(count: number): Promise<StoreModel> {
    const model = new StoreModel();
    await grow(model, [count]);
    return model;
  }

  async function grow(model: StoreModel, counts: readonly number[]): Promise<void> {
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    for (const count of counts) {
      const batch = patternBatch(model.treeSize, count, 10);
      await store.commit(batch);
      model.apply(batch);
    }
    await store.close();
  }

  async function changeRow(hexKey: string, change: (row: Uint8Array) => Uint8Array): Promise<void> {
    const root = open<Uint8Array, Uint8Array>({
      path: directory,
      noSubdir: false,
      overlappingSync: false,
      ...BINARY,
    });
    const tiles = root.openDB<Uint8Array, Uint8Array>({ name: "tiles", ...BINARY });
    const key = Buffer.from(hexKey, "hex");
    const row = tiles.get(key);
    if (row === undefined) throw new Error("no such row");
    await tiles.put(key, Buffer.from(change(new Uint8Array(row))));
    await root.close();
  }
});
