/** The history: reading it in pieces, and thinning it. */
import { expect, test } from "vitest";
import type { ThinningRule, WitnessStore } from "../../src/store/witness-store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { allRows, headAt, LOG, noteOf, type OpenWitness, spelled, step, tell } from "./witness-contract.ts";

const ALL = { fromSize: 0, toSize: Number.MAX_SAFE_INTEGER, limit: 1000 };

export function testRows(open: OpenWitness): void {
  const history = [headAt(0, 1), headAt(3, 2), headAt(3, 3), headAt(3, 9), headAt(300, 9), headAt(300, 10)];

  test.each([
    ["all", ALL, ["0@1*", "3@2*", "3@3", "3@9", "300@9*", "300@10"]],
    ["from a size on", { ...ALL, fromSize: 3 }, ["3@2*", "3@3", "3@9", "300@9*", "300@10"]],
    ["from between two sizes on", { ...ALL, fromSize: 4 }, ["300@9*", "300@10"]],
    ["up to a size", { ...ALL, toSize: 3 }, ["0@1*", "3@2*", "3@3", "3@9"]],
    ["the first of a size", { fromSize: 3, toSize: 3, limit: 1 }, ["3@2*"]],
    [
      "behind a row of the same size",
      { ...ALL, after: { treeSize: 3, timestampSeconds: 3 } },
      ["3@9", "300@9*", "300@10"],
    ],
    [
      "behind a row that is not there",
      { ...ALL, after: { treeSize: 3, timestampSeconds: 4 } },
      ["3@9", "300@9*", "300@10"],
    ],
    [
      "behind a row before the range",
      { ...ALL, fromSize: 300, after: { treeSize: 3, timestampSeconds: 2 } },
      ["300@9*", "300@10"],
    ],
    [
      "behind a row beyond the range",
      { ...ALL, toSize: 3, after: { treeSize: 300, timestampSeconds: 1 } },
      [],
    ],
    ["an empty range", { ...ALL, fromSize: 4, toSize: 299 }, []],
    ["a range the wrong way round", { ...ALL, fromSize: 4, toSize: 3 }, []],
  ])("rows, %s", async (_, range, wanted) => {
    const store = await open();
    await tell(store, history);
    await tell(store, [headAt(3, 5)], "log.example/b");
    expect(spelled(await store.rows(LOG, range))).toEqual(wanted);
  });

  test("a size's first row gives its root and its note", async () => {
    const store = await open();
    await tell(store, history);
    const [row] = await store.rows(LOG, { fromSize: 3, toSize: 3, limit: 1 });
    expect(row).toEqual({
      treeSize: 3,
      rootHash: headAt(3, 2).rootHash,
      timestampSeconds: 2,
      logNote: noteOf(3),
    });
  });

  test("1,000 rows at most come at once, and all of them in pieces", async () => {
    const store = await open();
    const heads = Array.from({ length: 1100 }, (_, index) => headAt(1, index));
    await store.commit(heads.map((head, index) => step(heads[index - 1], head)));
    expect(await store.rows(LOG, { ...ALL, limit: 5000 })).toHaveLength(1000);
    expect(await allRows(store)).toHaveLength(1100);
  });

  test("rows with long notes come in pieces of 1 MiB", async () => {
    const store = await open();
    const heads = Array.from({ length: 6 }, (_, index) => headAt(index, index));
    const logNote = new Uint8Array(262_144).fill(1);
    await store.commit(heads.map((head, index) => ({ ...step(heads[index - 1], head), logNote })));
    expect(await store.rows(LOG, ALL)).toHaveLength(4);
    expect(spelled(await allRows(store))).toHaveLength(6);
  });

  test.each([
    ["a negative size", { ...ALL, fromSize: -1 }],
    ["half a size", { ...ALL, toSize: 0.5 }],
    ["no row at all", { ...ALL, limit: 0 }],
    ["a position that is none", { ...ALL, after: { treeSize: 1, timestampSeconds: Number.NaN } }],
  ])("rows of %s is refused with ARGUMENT_INVALID", async (_, range) => {
    await expectCodeAsync((await open()).rows(LOG, range), "ARGUMENT_INVALID");
  });
}

export function testThinning(open: OpenWitness): void {
  const byTen: ThinningRule = { olderThanSeconds: 100, keepEverySeconds: 10 };
  const byHundred: ThinningRule = { olderThanSeconds: 500, keepEverySeconds: 100 };

  /** Thins until done. @returns how many rows went. */
  async function thin(
    store: WitnessStore,
    rules: readonly ThinningRule[],
    nowSeconds: number,
  ): Promise<number> {
    let removed = 0;
    for (let pass: Parameters<WitnessStore["thin"]>[1] = { rules, nowSeconds }; ; ) {
      const outcome = await store.thin(LOG, pass);
      removed += outcome.removed;
      if (outcome.next === undefined) return removed;
      pass = { rules, nowSeconds, from: outcome.next };
    }
  }

  test("of each old span the first row, the last, and the first of the last one's size stay", async () => {
    const store = await open();
    const growing = [1, 2, 3].map((time) => headAt(time, time));
    const idle = [4, 6, 9, 11, 12, 19, 25].map((time) => headAt(4, time));
    await tell(store, [...growing, ...idle, headAt(5, 101)]);
    const journal = await store.journal();
    expect(await thin(store, [byTen], 120)).toBe(4);
    expect(spelled(await allRows(store))).toEqual(["1@1*", "4@4*", "4@9", "4@11", "4@19", "4@25", "5@101*"]);
    expect(await store.journal()).toEqual(journal);
    expect(await thin(store, [byTen], 120)).toBe(0);
  });

  test("a span is thinned only when all of it is old", async () => {
    const store = await open();
    await tell(
      store,
      [1, 2, 3].map((time) => headAt(time, time)),
    );
    expect(await thin(store, [byTen], 109)).toBe(0);
    expect(await thin(store, [byTen], 110)).toBe(1);
  });

  test("the oldest rule that fits counts", async () => {
    const store = await open();
    const times = [5, 15, 25, 95, 105, 505, 506, 507, 590, 601, 602, 603];
    await tell(
      store,
      times.map((time) => headAt(time, time)),
    );
    await thin(store, [byTen, byHundred], 700);
    expect(spelled(await allRows(store))).toEqual([
      "5@5*",
      "95@95*",
      "105@105*",
      "505@505*",
      "507@507*",
      "590@590*",
      "601@601*",
      "602@602*",
      "603@603*",
    ]);
  });

  test("the newest row stays, and the head can go on", async () => {
    const store = await open();
    await tell(
      store,
      [1, 2, 3, 4].map((time) => headAt(7, time)),
    );
    await thin(store, [{ olderThanSeconds: 0, keepEverySeconds: 1_000_000 }], 5_000_000);
    expect(spelled(await allRows(store))).toEqual(["7@1*", "7@4"]);
    await tell(store, [headAt(8, 5)]);
  });

  test("thousands of rows of one span go in bounded steps, other logs' rows stay", async () => {
    const store = await open();
    await tell(store, [headAt(1, 1), headAt(1, 2), headAt(1, 3)], "log.example/b");
    const heads = Array.from({ length: 1500 }, (_, index) =>
      headAt(1 + Math.floor(index / 2), 10_000 + index),
    );
    await store.commit(heads.map((head, index) => step(heads[index - 1], head)));
    const rules = [{ olderThanSeconds: 0, keepEverySeconds: 10_000 }];
    const first = await store.thin(LOG, { rules, nowSeconds: 1_000_000 });
    expect(first.removed).toBeLessThanOrEqual(512);
    expect(first.next).toBeDefined();
    await thin(store, rules, 1_000_000);
    expect(spelled(await allRows(store))).toEqual(["1@10000*", "750@11498*", "750@11499"]);
    expect(await allRows(store, "log.example/b")).toHaveLength(3);
  });

  test("without rules, or for a log without rows, nothing goes", async () => {
    const store = await open();
    expect(await store.thin(LOG, { rules: [byTen], nowSeconds: 1000 })).toEqual({
      removed: 0,
      next: undefined,
    });
    await tell(
      store,
      [1, 2, 3].map((time) => headAt(time, time)),
    );
    expect(await thin(store, [], 1_000_000)).toBe(0);
  });

  test.each([
    ["half a second", { rules: [{ olderThanSeconds: 0.5, keepEverySeconds: 1 }], nowSeconds: 0 }],
    ["a span of nothing", { rules: [{ olderThanSeconds: 0, keepEverySeconds: 0 }], nowSeconds: 0 }],
    ["no time", { rules: [], nowSeconds: Number.NaN }],
  ])("thinning by %s is refused with ARGUMENT_INVALID", async (_, pass) => {
    await expectCodeAsync((await open()).thin(LOG, pass), "ARGUMENT_INVALID");
  });
}
