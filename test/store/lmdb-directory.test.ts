import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, open } from "lmdb";
import { Packr } from "msgpackr";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import type { LogReader } from "../../src/store/store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { hashNamed, patternBatch } from "./model.ts";

const ORIGIN = "example.com/store";
const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

let parent = "";
let directory = "";
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "bristlecone-directory-"));
  directory = join(parent, "log.d");
});
afterEach(() => rm(parent, { recursive: true }));

describe("lmdb: the directory", () => {
  test("is made when absent, with everything in it for its owner only", async () => {
    directory = join(parent, "a", "b", "log");
    await (await openLmdbStore({ directory, origin: ORIGIN })).close();
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory)) {
      const { mode } = await stat(join(directory, name));
      expect(mode & 0o777).toBe(name === "leaf-index" ? 0o700 : 0o600);
    }
  });

  test("may be empty, or hold what file systems and volumes leave there", async () => {
    await mkdir(join(directory, "lost+found"), { recursive: true });
    await writeFile(join(directory, ".keep"), "");
    await (await openLmdbStore({ directory, origin: ORIGIN })).close();
  });

  test("that holds something else is refused and left alone", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "notes.txt"), "");
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DIRECTORY_FOREIGN");
    await expectCodeAsync(
      openLmdbStore({ directory: join(directory, "notes.txt"), origin: ORIGIN }),
      "STORE_DIRECTORY_FOREIGN",
    );
    expect(await readdir(directory)).toEqual(["notes.txt"]);
  });

  test("that has lost its data file, and has a leaf index still, does not become another log", async () => {
    await mkdir(join(directory, "leaf-index"), { recursive: true });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DIRECTORY_FOREIGN");
  });

  test("that cannot be made is refused by name", async () => {
    await writeFile(join(parent, "notes.txt"), "");
    await symlink(join(parent, "nowhere"), join(parent, "dangling"));
    // Where /proc is, it says ENOENT to whoever makes a directory in it: a recursive mkdir tries for ever.
    for (const blocked of [join(parent, "notes.txt"), join(parent, "dangling"), "/proc/nowhere"]) {
      directory = join(blocked, "a", "log");
      const error = await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_FAILED");
      expect(error.message).toContain(directory);
    }
  });

  test("with another program's LMDB is refused, and gets no table", async () => {
    await withRaw("theirs", async (table) => {
      await table.put(Buffer.from("key"), Buffer.from("value"));
    });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DIRECTORY_FOREIGN");
    const raw = open({ path: directory, noSubdir: false, ...BINARY });
    expect([...raw.getKeys()]).toHaveLength(1);
    await raw.close();
  });

  test("with a data file that is none is refused with STORE_DAMAGED", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "data.mdb"), Buffer.alloc(40_000, 7));
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
  });

  test("with a data file of another LMDB is refused with STORE_SCHEMA_UNKNOWN", async () => {
    await (await openLmdbStore({ directory, origin: ORIGIN })).close();
    const path = join(directory, "data.mdb");
    const bytes = await readFile(path);
    bytes[28] = 1;
    await writeFile(path, bytes);
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_SCHEMA_UNKNOWN");
    await expectCodeAsync(openLmdbReader({ directory }), "STORE_SCHEMA_UNKNOWN");
  });

  test("with an empty data file becomes a log", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "data.mdb"), "");
    await (await openLmdbStore({ directory, origin: ORIGIN })).close();
  });

  test("with an opening that was interrupted becomes a log", async () => {
    await withRaw("meta", async () => undefined);
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    expect(store.writer.epoch).toBe(1);
    await store.close();
  });

  test("without a log cannot be read", async () => {
    await expectCodeAsync(openLmdbReader({ directory }), "STORE_DIRECTORY_FOREIGN");
    await expect(stat(directory)).rejects.toThrow("ENOENT");
    await withRaw("meta", async () => undefined);
    await expectCodeAsync(openLmdbReader({ directory }), "STORE_DAMAGED");
  });
});

describe("lmdb: what does not fit is named, never served", () => {
  beforeEach(async () => {
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    await store.commit(patternBatch(0, 700, 10));
    await store.recordHeads({ signed: { treeSize: 600, rootHash: hashNamed("root") } });
    await store.recordHeads({ published: { treeSize: 500, checkpoint: hashNamed("note") } });
    await store.adoptLineage("0".repeat(32));
    await store.close();
  });

  test("another schema is refused with STORE_SCHEMA_UNKNOWN, and is not touched", async () => {
    await putRow("store", { schema: 99, storeId: "new", somethingElse: true });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_SCHEMA_UNKNOWN");
    await expectCodeAsync(openLmdbReader({ directory }), "STORE_SCHEMA_UNKNOWN");
    await withRaw("meta", async (meta) => {
      const writer = new Packr({ useRecords: false }).unpack(
        Buffer.from(meta.get(Buffer.from("writer")) ?? []).subarray(4),
      );
      expect(writer.epoch).toBe(1);
    });
  });

  test("another origin is refused for readers too", async () => {
    await expectCodeAsync(openLmdbReader({ directory, origin: "example.com/b" }), "STORE_ORIGIN_MISMATCH");
  });

  test.each(["store", "writer", "lineage", "head", "signed", "published"])(
    "a changed bit anywhere in meta row %s",
    async (name) => {
      await withRaw("meta", async (meta) => {
        const key = Buffer.from(name);
        const value = Buffer.from(meta.get(key) ?? []);
        const at = value.length - 3;
        value[at] = (value[at] ?? 0) ^ 1;
        await meta.put(key, value);
      });
      await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
    },
  );

  test("a meta row under another name", async () => {
    await withRaw("meta", async (meta) => {
      await meta.put(Buffer.from("published"), meta.get(Buffer.from("signed")) ?? Buffer.alloc(0));
    });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
  });

  test("heads that contradict each other", async () => {
    await putRow("signed", { treeSize: 701, rootHash: Buffer.alloc(32) });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
    await putRow("signed", { treeSize: 499, rootHash: Buffer.alloc(32) });
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
  });

  test.each([
    ["no store row", "store", undefined],
    ["no head row", "head", undefined],
    ["a peak too few", "head", { treeSize: 700, peaks: Buffer.alloc(32) }],
    ["a size that is no number", "head", { treeSize: "700", peaks: Buffer.alloc(0) }],
    ["a negative size", "head", { treeSize: -1, peaks: Buffer.alloc(0) }],
    ["a root of 31 bytes", "signed", { treeSize: 600, rootHash: Buffer.alloc(31) }],
    ["a store id in capitals", "store", { schema: 2, storeId: "A".repeat(32), origin: ORIGIN }],
    ["a list for a map", "signed", [600, 1]],
  ])("%s", async (_, name, record) => {
    await putRow(name, record);
    await expectCodeAsync(openLmdbStore({ directory, origin: ORIGIN }), "STORE_DAMAGED");
  });

  const tile = { level: 0, index: 0, width: 1 };
  test.each<
    [string, string, string, (value: Buffer) => Buffer | undefined, (s: LogReader) => Promise<unknown>]
  >([
    ["a short group of tiles", "tiles", "000000000000000000", (v) => v.subarray(32), (s) => s.readTile(tile)],
    ["a missing group of tiles", "tiles", "000000000000000000", () => undefined, (s) => s.readTile(tile)],
    [
      "a long open tile",
      "tiles",
      "00",
      (v) => Buffer.concat([v, v]),
      (s) => s.readTile({ ...tile, index: 2 }),
    ],
    ["a missing open tile", "tiles", "01", () => undefined, (s) => s.readTile({ ...tile, level: 1 })],
    [
      "a short bundle",
      "bundles",
      "0000000000000001",
      (v) => v.subarray(0, -1),
      (s) => s.readEntries({ start: 300, end: 301 }),
    ],
    [
      "a missing bundle",
      "bundles",
      "0000000000000000",
      () => undefined,
      (s) => s.readEntries({ start: 0, end: 1 }),
    ],
    [
      "a long row of the open bundle",
      "tail",
      "0000000000000200",
      (v) => Buffer.concat([v, v]),
      (s) => s.readEntries({ start: 512, end: 513 }),
    ],
    [
      "a missing row of the open bundle",
      "tail",
      "0000000000000200",
      () => undefined,
      (s) => s.readEntries({ start: 512, end: 513 }),
    ],
  ])("%s", async (_, table, key, change, read) => {
    await withRaw(table, async (rows) => {
      const value = change(Buffer.from(rows.get(Buffer.from(key, "hex")) ?? []));
      if (value === undefined) await rows.remove(Buffer.from(key, "hex"));
      else await rows.put(Buffer.from(key, "hex"), value);
    });
    const reader = await openLmdbReader({ directory });
    await expectCodeAsync(read(reader), "STORE_DAMAGED" satisfies ErrorCode);
    expect(await reader.readTile({ level: 0, index: 1, width: 1 }).catch(() => "damaged")).toBeDefined();
    await reader.close();
    // The writer must know every leaf hash, or it would take a duplicate for a new entry.
    const opening = openLmdbStore({ directory, origin: ORIGIN });
    if (table === "tiles" && key !== "01") await expectCodeAsync(opening, "STORE_DAMAGED");
    else await (await opening).close();
  });
});

/** Writes a meta row with a checksum that fits; removes it when `record` is undefined. */
async function putRow(name: string, record: unknown): Promise<void> {
  await withRaw("meta", async (meta) => {
    if (record === undefined) {
      await meta.remove(Buffer.from(name));
      return;
    }
    const packed = new Packr({ useRecords: false }).pack(record);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(packed, crc32(`${name}\0`)));
    await meta.put(Buffer.from(name), Buffer.concat([checksum, packed]));
  });
}

/** Opens one table without the code under test. */
async function withRaw(
  name: string,
  use: (table: Database<Uint8Array, Uint8Array>) => Promise<void>,
): Promise<void> {
  const root = open({ path: directory, noSubdir: false, overlappingSync: false, ...BINARY });
  await use(root.openDB<Uint8Array, Uint8Array>({ name, ...BINARY }));
  await root.close();
}
