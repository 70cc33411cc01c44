import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { openEnvironment, type Table } from "../../src/store/lmdb-environment.ts";
import { LOG_LAYOUT, type LogTables } from "../../src/store/lmdb-layout.ts";
import { writeBatch } from "../../src/store/lmdb-write.ts";
import { batchOf, entriesFrom } from "./model.ts";

const ORIGIN = "example.com/store";

describe("lmdb: a transaction that throws half way", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "bristlecone-abort-"));
    const store = await openLmdbStore({ directory, origin: ORIGIN });
    await store.commit(batchOf(0, entriesFrom(0, 250)));
    await store.close();
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("leaves nothing, whichever of its writes was the last", async () => {
    const before = await dump(directory);
    // 300 leaves fill a bundle and a tile, so every kind of write is among them: put and remove, in every table.
    const batch = batchOf(250, entriesFrom(250, 30));
    const env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: false });
    let writes = 0;
    for (let allowed = 0; ; allowed++) {
      let left = allowed;
      const limited = limitWrites(env.tables, () => {
        if (left-- === 0) throw new InvariantError("injected");
      });
      const outcome = await env.transact(() => writeBatch(limited, batch)).catch((error: unknown) => error);
      if (outcome === undefined) break;
      expect(outcome).toBeInstanceOf(InvariantError);
      writes = allowed + 1;
      if (allowed % 50 === 0) {
        env.refresh();
        expect(await dump(directory)).toEqual(before);
      }
      if (allowed === 299) break;
    }
    expect(writes).toBeGreaterThan(270);
    await env.close();
  });

  test("does not touch a transaction queued with it", async () => {
    const env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: false });
    const key = Buffer.from("k");
    const outcomes = await Promise.allSettled([
      env.transact(() => {
        env.tables.meta.put(key, Buffer.from("first"));
        throw new InvariantError("injected");
      }),
      env.transact(() => {
        expect(env.tables.meta.view(key, () => "seen")).toBeUndefined();
        env.tables.meta.put(key, Buffer.from("second"));
      }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(env.tables.meta.view(key, (value) => Buffer.from(value).toString())).toBe("second");
    await env.close();
  });

  test("a write outside a transaction is a bug", async () => {
    const env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: false });
    expect(() => env.tables.meta.put(Buffer.from("k"), Buffer.from("v"))).toThrow(InvariantError);
    expect(() => env.tables.meta.remove(Buffer.from("k"))).toThrow(InvariantError);
    await env.close();
  });
});

function limitWrites(tables: LogTables, beforeWrite: () => void): LogTables {
  const limited = (table: Table): Table => ({
    ...table,
    put(key, value) {
      beforeWrite();
      table.put(key, value);
    },
    remove(key) {
      beforeWrite();
      table.remove(key);
    },
  });
  return {
    meta: limited(tables.meta),
    tiles: limited(tables.tiles),
    bundles: limited(tables.bundles),
    tail: limited(tables.tail),
  };
}

/** Every row of every table, read without the code under test. */
async function dump(directory: string): Promise<readonly string[]> {
  const root = open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    readOnly: true,
    encoding: "binary",
    keyEncoding: "binary",
  });
  const rows: string[] = [];
  for (const name of ["meta", "tiles", "bundles", "tail"]) {
    const table = root.openDB<Uint8Array, Uint8Array>(name, { encoding: "binary", keyEncoding: "binary" });
    for (const { key, value } of table.getRange()) {
      rows.push(`${name} ${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("hex")}`);
    }
  }
  await root.close();
  return rows;
}
