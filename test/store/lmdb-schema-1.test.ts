/** Directories as schema 1 left them: the leaf index was a table of the data file. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { open } from "lmdb";
import { Packr } from "msgpackr";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { hashesOf, hashNamed, headOf, joined, patternBatch } from "./model.ts";

const ORIGIN = "example.com/store";
const SIZE = 700;
const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

describe("lmdb: a log of schema 1", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "bristlecone-schema-1-"));
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    await store.commit(patternBatch(0, SIZE, 10));
    await store.recordHeads({ signed: { treeSize: 600, rootHash: hashNamed("root") } });
    await store.close();
    await rm(join(directory, "leaf-index"), { recursive: true });
    await makeSchema1(directory, store.writer.storeId);
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("is brought up to date when it is opened for writing, and loses nothing", async () => {
    const { leafHashes } = patternBatch(0, SIZE, 10);
    const indices = Array.from({ length: SIZE }, (_, index) => index);
    let upgrades = 0;
    const onUpgrade = () => {
      upgrades += 1;
    };
    for (const epoch of [2, 3]) {
      const store = await openLmdbStore({ directory, origin: ORIGIN, onUpgrade });
      expect(upgrades).toBe(1);
      expect(store.writer.epoch).toBe(epoch);
      const { integrated, signed } = await store.head();
      expect(integrated).toEqual(headOf(SIZE));
      expect(signed).toEqual({ treeSize: 600, rootHash: hashNamed("root") });
      expect(await store.indexOf(leafHashes)).toEqual(indices);
      expect(await store.indexOf(hashNamed("absent"))).toEqual([undefined]);
      await store.close();
      expect(await tableNames(directory)).toEqual(["bundles", "meta", "tail", "tiles"]);
    }
    const reader = await openLmdbReader({ directory });
    expect(await reader.indexOf(joined(hashesOf(leafHashes).slice(-3)))).toEqual(indices.slice(-3));
    await reader.close();
  });

  test("is refused to a reader by name, and left as it was", async () => {
    const before = await tableNames(directory);
    const error = await expectCodeAsync(openLmdbReader({ directory }), "STORE_SCHEMA_UNKNOWN");
    expect(error.message).toContain("open it for writing once");
    expect(await tableNames(directory)).toEqual(before);
  });

  test("of another origin is left as it was", async () => {
    const before = await tableNames(directory);
    await expectCodeAsync(openLmdbStore({ directory, origin: "example.com/b" }), "STORE_ORIGIN_MISMATCH");
    expect(await tableNames(directory)).toEqual(before);
    await expect(stat(join(directory, "leaf-index"))).rejects.toThrow("ENOENT");
  });
});

/** The three places where schema 1 differs: rows `store` and `head`, and table `leaves`. */
async function makeSchema1(directory: string, storeId: string): Promise<void> {
  const root = open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    overlappingSync: false,
    ...BINARY,
  });
  const meta = root.openDB<Uint8Array, Uint8Array>({ name: "meta", ...BINARY });
  const leaves = root.openDB<Uint8Array, Uint8Array>({ name: "leaves", ...BINARY });
  const peaks = Buffer.concat(headOf(SIZE).peaks);
  await root.transaction(() => {
    void meta.put(Buffer.from("store"), row("store", { schema: 1, storeId, origin: ORIGIN }));
    void meta.put(Buffer.from("head"), row("head", { treeSize: SIZE, peaks, leafIndexSize: SIZE }));
    for (const [index, hash] of hashesOf(patternBatch(0, SIZE, 10).leafHashes).entries()) {
      const value = Buffer.alloc(7);
      value.writeUIntBE(index, 1, 6);
      void leaves.put(hash.subarray(0, 8), value);
    }
  });
  await root.close();
}

function row(name: string, record: object): Buffer {
  const packed = new Packr({ useRecords: false }).pack(record);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(packed, crc32(`${name}\0`)));
  return Buffer.concat([checksum, packed]);
}

async function tableNames(directory: string): Promise<readonly string[]> {
  const root = open<Uint8Array, Uint8Array>({ path: directory, noSubdir: false, readOnly: true, ...BINARY });
  const names = [...root.getKeys()].map((key) => Buffer.from(key).toString("latin1").replace(/\0$/, ""));
  await root.close();
  return names;
}
