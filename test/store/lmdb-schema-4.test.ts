/** A log that changed its keys has a schema that programs refuse which would sign with the former ones. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { openLmdbAudit } from "../../src/store/lmdb-audit.ts";
import { patternBatch } from "./model.ts";
import { storeRow } from "./store-row.ts";

test("lmdb: a log that changed its keys is of schema 4, also when it ends, and no row of it is a stray", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bristlecone-schema-4-"));
  const origin = "example.com/store";
  const store = await openLmdbStore({ directory, origin });
  await store.commit(patternBatch(0, 3, 10));
  await store.recordHeads({ keys: { changes: 1, history: Uint8Array.of(1, 2, 3) } });
  await store.close();
  const { storeId } = store.writer;
  expect(await storeRow(directory)).toEqual({ schema: 4, storeId, origin });
  const last = await openLmdbStore({ directory, origin });
  await last.recordHeads({ frozen: { treeSize: 3, statement: ["Log frozen"] } });
  await last.close();
  for (const opening of [() => openLmdbStore({ directory, origin }), () => openLmdbReader({ directory })]) {
    const again = await opening();
    expect((await again.head()).keys).toEqual({ changes: 1, history: Uint8Array.of(1, 2, 3) });
    await again.close();
  }
  expect(await storeRow(directory)).toEqual({ schema: 4, storeId, origin });
  const audit = await openLmdbAudit(directory);
  expect(audit.rows().keys).toEqual({ value: { changes: 1, history: Uint8Array.of(1, 2, 3) } });
  for await (const strays of audit.strays("meta")) expect(strays).toEqual([]);
  await audit.close();
  await rm(directory, { recursive: true });
});
