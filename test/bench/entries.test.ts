import { describe, expect, it } from "vitest";
import { batchBytes, type EntryPlan, entrySource, FIXED_256, writeBatch } from "../../bench/load/entries.ts";
import { decodeBundle } from "../../src/tlog/entry-bundle.ts";

const MIXED: EntryPlan = { sizes: { kind: "mixed" }, duplicateShare: 0 };

function entries(seed: number, plan: EntryPlan, count: number): readonly string[] {
  const source = entrySource(seed, plan);
  return Array.from({ length: count }, () => {
    const number = source.next();
    const bytes = Buffer.alloc(source.sizeOf(number));
    source.writeInto(number, bytes, 0);
    return bytes.toString("latin1");
  });
}

describe("entrySource", () => {
  it.each([
    ["of one size", FIXED_256],
    ["of mixed sizes", MIXED],
  ])("makes entries %s that are all different, also from those of another run", (_name, plan) => {
    const all = [...entries(1, plan, 2000), ...entries(2, plan, 2000)];
    expect(new Set(all).size).toBe(4000);
  });

  it("makes the same entries for the same seed", () => {
    expect(entries(3, MIXED, 100)).toEqual(entries(3, MIXED, 100));
  });

  it("mixes sizes from 64 to 8,191 bytes, more small ones than large", () => {
    const sizes = entries(4, MIXED, 4000).map(({ length }) => length);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(64);
    expect(Math.max(...sizes)).toBeLessThan(8192);
    expect(sizes.filter((size) => size < 1024).length / sizes.length).toBeCloseTo(0.75, 1);
  });

  it("repeats entries of before as often as it is told", () => {
    const all = entries(5, { ...FIXED_256, duplicateShare: 0.25 }, 4000);
    expect(1 - new Set(all).size / all.length).toBeCloseTo(0.25, 1);
  });

  it("refuses entries too small to be told apart", () => {
    expect(() => entrySource(1, { sizes: { kind: "fixed", bytes: 15 }, duplicateShare: 0 })).toThrow(
      RangeError,
    );
  });
});

describe("a batch", () => {
  it("is in bundle encoding, behind whatever comes before it", () => {
    const source = entrySource(5, MIXED);
    const numbers = [0, 7, 3, 7];
    const bytes = Buffer.alloc(10 + batchBytes(source, numbers));
    writeBatch(source, numbers, bytes, 10);
    const batch = decodeBundle(bytes.subarray(10), numbers.length);
    expect(batch.map(({ length }) => length)).toEqual(numbers.map((number) => source.sizeOf(number)));
    expect(batch[1]).toEqual(batch[3]);
    expect(bytes.subarray(0, 10).every((byte) => byte === 0)).toBe(true);
  });
});
