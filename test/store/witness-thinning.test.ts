import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RowPosition, ThinningRule } from "../../src/store/witness-store.ts";
import { planThinning, type ThinningPass } from "../../src/store/witness-thinning.ts";
import { some } from "../runs.ts";

/** Rows of one log: neither size nor time goes back, and no two are the same. */
const history = fc
  .array(fc.record({ grows: fc.constantFrom(0, 0, 0, 1, 3), waits: fc.nat({ max: 30 }) }), { maxLength: 200 })
  .map((steps) => {
    const rows: RowPosition[] = [{ treeSize: 0, timestampSeconds: 0 }];
    for (const { grows, waits } of steps) {
      const { treeSize, timestampSeconds } = rows.at(-1) ?? { treeSize: 0, timestampSeconds: 0 };
      const time = timestampSeconds + Math.max(waits, grows === 0 ? 1 : 0);
      rows.push({ treeSize: treeSize + grows, timestampSeconds: time });
    }
    return rows;
  });
const rules = fc.array(
  fc.record({ olderThanSeconds: fc.nat({ max: 1000 }), keepEverySeconds: fc.integer({ min: 1, max: 500 }) }),
  { maxLength: 3 },
);

function thinned(rows: readonly RowPosition[], pass: ThinningPass): readonly RowPosition[] {
  const { removes } = planThinning(rows, pass);
  return rows.filter((row) => !removes.includes(row));
}

/** The rule as its docstring says it, looked up span by span. */
function naive(
  rows: readonly RowPosition[],
  given: readonly ThinningRule[],
  now: number,
): readonly RowPosition[] {
  const spanOf = ({ timestampSeconds }: RowPosition): string | undefined => {
    const fitting = given.filter(({ olderThanSeconds, keepEverySeconds }) => {
      const end = (Math.floor(timestampSeconds / keepEverySeconds) + 1) * keepEverySeconds;
      return end <= now - olderThanSeconds;
    });
    const oldest = fitting.sort((a, b) => b.olderThanSeconds - a.olderThanSeconds)[0];
    if (oldest === undefined) return undefined;
    return `${given.indexOf(oldest)} ${Math.floor(timestampSeconds / oldest.keepEverySeconds)}`;
  };
  return rows.filter((row) => {
    const name = spanOf(row);
    if (name === undefined) return true;
    const span = rows.filter((other) => spanOf(other) === name);
    const ofLastSize = span.find(({ treeSize }) => treeSize === span.at(-1)?.treeSize);
    return row === span[0] || row === span.at(-1) || row === ofLastSize;
  });
}

describe("planThinning", () => {
  test("keeps of each span what the rule says", () => {
    fc.assert(
      fc.property(history, rules, fc.nat({ max: 4000 }), (rows, given, nowSeconds) => {
        expect(thinned(rows, { rules: given, nowSeconds })).toEqual(naive(rows, given, nowSeconds));
      }),
    );
  });

  test("keeps the newest row, and the first row of every size that has one, as time goes on", () => {
    fc.assert(
      fc.property(history, rules, fc.array(fc.nat({ max: 4000 }), { maxLength: 4 }), (rows, given, times) => {
        let kept: readonly RowPosition[] = rows;
        for (const nowSeconds of times.sort((a, b) => a - b))
          kept = thinned(kept, { rules: given, nowSeconds });
        expect(kept.at(-1)).toBe(rows.at(-1));
        for (const { treeSize } of kept) {
          const first = (row: RowPosition): boolean => row.treeSize === treeSize;
          expect(kept.find(first)).toBe(rows.find(first));
        }
      }),
    );
  });

  test("removes in steps what it removes at once", () => {
    const rows = Array.from({ length: 1200 }, (_, index) => ({
      treeSize: Math.floor(index / 7),
      timestampSeconds: index,
    }));
    for (const keepEverySeconds of some([3, 100, 1199, 100_000])) {
      const given = [{ olderThanSeconds: 0, keepEverySeconds }];
      const pass = { rules: given, nowSeconds: 1_000_000 };
      let kept: readonly RowPosition[] = rows;
      for (let from: RowPosition | undefined = { treeSize: 0, timestampSeconds: 0 }; from !== undefined; ) {
        const start = kept.findIndex((row) => row.timestampSeconds >= (from?.timestampSeconds ?? 0));
        const { removes, next } = planThinning(kept.slice(start), pass);
        expect(removes.length).toBeLessThanOrEqual(512);
        const gone = new Set(removes);
        kept = kept.filter((row) => !gone.has(row));
        from = next;
      }
      expect(kept).toEqual(naive(rows, given, 1_000_000));
    }
  });
});
