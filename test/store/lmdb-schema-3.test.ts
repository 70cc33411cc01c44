/** A log that ended has a schema that programs refuse which do not know its end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { patternBatch } from "./model.ts";
import { storeRow } from "./store-row.ts";

test("lmdb: a log is of schema 2 until it ends, and of schema 3 from then on", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bristlecone-schema-3-"));
  const origin = "example.com/store";
  const store = await openLmdbStore({ directory, origin });
  await store.commit(patternBatch(0, 3, 10));
  await store.close();
  expect(await storeRow(directory)).toMatchObject({ schema: 2 });
  const last = await openLmdbStore({ directory, origin });
  await last.recordHeads({ frozen: { treeSize: 3, statement: ["Log frozen"] } });
  await last.close();
  for (const opening of [() => openLmdbStore({ directory, origin }), () => openLmdbReader({ directory })]) {
    const again = await opening();
    expect((await again.head()).frozen).toMatchObject({ treeSize: 3 });
    await again.close();
  }
  const { storeId } = last.writer;
  expect(await storeRow(directory)).toEqual({ schema: 3, storeId, origin });
  await rm(directory, { recursive: true });
});
