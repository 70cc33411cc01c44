import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvariantError, TlogError } from "../../src/errors.ts";
import { openEnvironment, type Table } from "../../src/store/lmdb-environment.ts";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { WITNESS_LAYOUT, type WitnessTables } from "../../src/store/witness-lmdb-layout.ts";
import { applyUpdates } from "../../src/store/witness-lmdb-write.ts";
import type { WitnessStore } from "../../src/store/witness-store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { allRows, evidenceNamed, headAt, LOG, NAME, noteOf, step, tell } from "./witness-contract.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bristlecone-faults-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function contentsOf(): Promise<unknown> {
  const store = await openLmdbWitnessStore({ directory, name: NAME });
  const logs = [];
  for (const origin of await store.origins()) {
    logs.push([origin, await store.head(origin), await allRows(store, origin)]);
  }
  const contents = [logs, await store.journal()];
  await store.close();
  return contents;
}

test("a commit that throws half way leaves nothing, whichever of its writes was the last", async () => {
  const store = await openLmdbWitnessStore({ directory, name: NAME });
  await tell(store, [headAt(1, 1)]);
  await store.close();
  const before = await contentsOf();
  const updates = [step(headAt(1, 1), headAt(5, 5)), step(undefined, headAt(2, 2), "log.example/b")];
  for (let allowed = 0; allowed < 5; allowed++) {
    const env = await openEnvironment({ directory, layout: WITNESS_LAYOUT, readOnly: false });
    let left = allowed;
    const limited = limitWrites(env.tables, () => {
      if (left-- === 0) throw new InvariantError("injected");
    });
    await expect(env.transact(() => applyUpdates(limited, updates))).rejects.toThrow("injected");
    await env.close();
    expect(await contentsOf()).toEqual(before);
  }
  const env = await openEnvironment({ directory, layout: WITNESS_LAYOUT, readOnly: false });
  let writes = 0;
  const counted = limitWrites(env.tables, () => {
    writes += 1;
  });
  expect(await env.transact(() => applyUpdates(counted, updates))).toEqual([true, true]);
  // Two heads, two rows, the journal.
  expect(writes).toBe(5);
  await env.close();
});

describe("lmdb: a witness that is full", () => {
  const logNote = new Uint8Array(200_000).fill(1);

  /** Commits large rows until there is no room. @returns the last size. */
  async function fill(store: WitnessStore): Promise<number> {
    for (let size = (await store.head(LOG))?.treeSize ?? 0; ; size++) {
      const expected = size === 0 ? undefined : headAt(size, size);
      try {
        await store.commit([{ origin: LOG, expected, next: headAt(size + 1, size + 1), logNote }]);
      } catch (error) {
        if (!(error instanceof TlogError) || error.code !== "STORE_FULL") throw error;
        return size;
      }
    }
  }

  test("cosigns no more, still takes evidence, and cosigns again when it was thinned", async () => {
    const store = await openLmdbWitnessStore({ directory, name: NAME, maxBytes: 18_000_000 });
    const size = await fill(store);
    expect(size).toBeGreaterThan(10);
    await expectCodeAsync(
      store.commit([{ ...step(headAt(size, size), headAt(size + 1, size + 1)), logNote }]),
      "STORE_FULL",
    );
    expect(await store.head(LOG)).toEqual(headAt(size, size));
    expect((await store.journal()).treeSize).toBe(size);
    const evidence = new Uint8Array(524_288).fill(2);
    for (const name of ["a", "b"]) {
      expect(await store.addEvidence({ ...evidenceNamed(name), evidence })).toBe("added");
    }
    const rules = [{ olderThanSeconds: 0, keepEverySeconds: 1_000_000 }];
    const { removed } = await store.thin(LOG, { rules, nowSeconds: 5_000_000 });
    expect(removed).toBe(size - 2);
    expect(await fill(store)).toBeGreaterThan(size + 10);
    await store.close();
    const unbounded = await openLmdbWitnessStore({ directory, name: NAME });
    await tell(unbounded, [headAt(1000, 1000)]);
    expect((await unbounded.rows(LOG, { fromSize: 1000, toSize: 1000, limit: 1 }))[0]?.logNote).toEqual(
      noteOf(1000),
    );
    await unbounded.close();
  });
});

function limitWrites(tables: WitnessTables, beforeWrite: () => void): WitnessTables {
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
    heads: limited(tables.heads),
    history: limited(tables.history),
    evidence: limited(tables.evidence),
    files: limited(tables.files),
  };
}
