import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, open } from "lmdb";
import { Packr } from "msgpackr";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { openLmdbWitnessReader, openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import type { WitnessStore } from "../../src/store/witness-store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { allRows, evidenceNamed, headAt, LOG, NAME, tell } from "./witness-contract.ts";

const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

let parent = "";
let directory = "";
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "bristlecone-directory-"));
  directory = join(parent, "witness.d");
});
afterEach(() => rm(parent, { recursive: true }));

describe("lmdb: a witness's directory", () => {
  test("is made when absent, with everything in it for its owner only", async () => {
    await (await openLmdbWitnessStore({ directory, name: NAME })).close();
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
  });

  test("that holds something else, or a log, is refused and left alone", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "notes.txt"), "");
    await expectCodeAsync(openLmdbWitnessStore({ directory, name: NAME }), "STORE_DIRECTORY_FOREIGN");
    const log = join(parent, "log");
    await (await openLmdbStore({ directory: log, origin: NAME })).close();
    const before = await readFile(join(log, "data.mdb"));
    await expectCodeAsync(openLmdbWitnessStore({ directory: log, name: NAME }), "STORE_DIRECTORY_FOREIGN");
    await expectCodeAsync(openLmdbWitnessReader({ directory: log }), "STORE_DIRECTORY_FOREIGN");
    expect(Buffer.compare(await readFile(join(log, "data.mdb")), before)).toBe(0);
  });

  test("is refused to a log, and left alone", async () => {
    await (await openLmdbWitnessStore({ directory, name: NAME })).close();
    const before = await readFile(join(directory, "data.mdb"));
    await expectCodeAsync(openLmdbStore({ directory, origin: NAME }), "STORE_DIRECTORY_FOREIGN");
    await expectCodeAsync(openLmdbReader({ directory }), "STORE_DIRECTORY_FOREIGN");
    expect(Buffer.compare(await readFile(join(directory, "data.mdb")), before)).toBe(0);
  });

  test("with an opening that was interrupted becomes a witness's; without one it cannot be read", async () => {
    await expectCodeAsync(openLmdbWitnessReader({ directory }), "STORE_DIRECTORY_FOREIGN");
    await expect(stat(directory)).rejects.toThrow("ENOENT");
    await withRaw("meta", async () => undefined);
    await expectCodeAsync(openLmdbWitnessReader({ directory }), "STORE_DAMAGED");
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    expect(store.writer.epoch).toBe(1);
    await store.close();
  });

  test("maxBytes too small to hold a witness is refused", async () => {
    for (const maxBytes of [0, 16_777_215, Number.NaN]) {
      await expectCodeAsync(openLmdbWitnessStore({ directory, name: NAME, maxBytes }), "ARGUMENT_INVALID");
    }
  });

  test("readers say the name, see commits, and need no right to write them", async () => {
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    const reader = await openLmdbWitnessReader({ directory });
    expect(reader.name).toBe(NAME);
    await tell(store, [headAt(1, 1)]);
    expect(await reader.head(LOG)).toEqual(headAt(1, 1));
    await reader.close();
    await expectCodeAsync(reader.head(LOG), "STORE_CLOSED");
    await store.close();
  });

  test("more than 1,000 origins are all listed, in order", async () => {
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    const origins = Array.from({ length: 2100 }, (_, index) => `log.example/${`${index}`.padStart(5, "0")}`);
    const next = headAt(1, 1);
    await store.commit(
      origins.map((origin) => ({ origin, expected: undefined, next, logNote: next.signedNote })),
    );
    expect(await store.origins()).toEqual(origins);
    await store.close();
  });
});

describe("lmdb: what does not fit in a witness's storage is named, never served", () => {
  beforeEach(async () => {
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    await tell(store, [headAt(1, 1), headAt(2, 2)]);
    await store.addEvidence(evidenceNamed("a"));
    await store.adoptLineage("0".repeat(32));
    await store.close();
  });

  test("another schema is refused with STORE_SCHEMA_UNKNOWN before anything else is looked at", async () => {
    await putMetaRow("store", { schema: 2, somethingElse: true });
    await expectCodeAsync(openLmdbWitnessStore({ directory, name: NAME }), "STORE_SCHEMA_UNKNOWN");
    await expectCodeAsync(openLmdbWitnessReader({ directory }), "STORE_SCHEMA_UNKNOWN");
  });

  test.each(["store", "writer", "lineage", "journal"])("a changed bit in meta row %s", async (name) => {
    await changeRows("meta", (value, key) => (key.toString() === name ? flipped(value) : value));
    await expectCodeAsync(openLmdbWitnessStore({ directory, name: NAME }), "STORE_DAMAGED");
  });

  test.each([
    ["no store row", "store", undefined],
    ["no journal", "journal", undefined],
    ["a peak too few", "journal", { treeSize: 2, peaks: Buffer.alloc(0) }],
    ["a store id in capitals", "store", { schema: 1, storeId: "A".repeat(32), name: NAME }],
  ])("%s", async (_, name, record) => {
    await putMetaRow(name, record);
    await expectCodeAsync(openLmdbWitnessStore({ directory, name: NAME }), "STORE_DAMAGED");
  });

  test.each<[string, string, (value: Buffer) => Buffer, (store: WitnessStore) => Promise<unknown>]>([
    ["a changed bit in a head", "heads", flipped, (store) => store.head(LOG)],
    ["a short head", "heads", (value) => value.subarray(0, 3), (store) => store.head(LOG)],
    ["a changed bit in a row", "history", flipped, allRows],
    ["a short row", "history", (value) => value.subarray(0, 20), allRows],
    ["a changed bit in evidence", "evidence", flipped, (store) => store.evidence(LOG)],
    [
      "a changed bit in a file of evidence",
      "files",
      flipped,
      (store) => store.evidenceFile(LOG, evidenceNamed("a").id),
    ],
  ])("%s is STORE_DAMAGED; the rest is served", async (_, table, change, read) => {
    await changeRows(table, change);
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    await expectCodeAsync(read(store), "STORE_DAMAGED");
    await tell(store, [headAt(1, 1)], "log.example/b");
    await store.close();
  });

  test("a list of evidence reads no file: it is served when every file is damaged", async () => {
    await changeRows("files", flipped);
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    const { evidence: _, ...entry } = evidenceNamed("a");
    expect(await store.evidence(LOG)).toEqual([entry]);
    await store.close();
  });

  test("a damaged head is no base for another", async () => {
    await changeRows("heads", flipped);
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    const update = { origin: LOG, expected: undefined, next: headAt(1, 1), logNote: headAt(1, 1).signedNote };
    await expectCodeAsync(store.commit([update]), "STORE_DAMAGED");
    await store.close();
  });

  test("rows under another log's key are damage", async () => {
    await withRaw("heads", async (heads) => {
      await heads.put(Buffer.from("log.example/b"), heads.get(Buffer.from(LOG)) ?? Buffer.alloc(0));
    });
    const store = await openLmdbWitnessStore({ directory, name: NAME });
    await expectCodeAsync(store.head("log.example/b"), "STORE_DAMAGED");
    await store.close();
  });
});

function flipped(value: Buffer): Buffer {
  const at = value.length - 3;
  value[at] = (value[at] ?? 0) ^ 1;
  return value;
}

async function changeRows(table: string, change: (value: Buffer, key: Buffer) => Buffer): Promise<void> {
  await withRaw(table, async (rows) => {
    for (const key of [...rows.getKeys()].map((one) => Buffer.from(one))) {
      await rows.put(key, change(Buffer.from(rows.get(key) ?? []), key));
    }
  });
}

/** Writes a meta row with a checksum that fits; removes it when `record` is undefined. */
async function putMetaRow(name: string, record: unknown): Promise<void> {
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
