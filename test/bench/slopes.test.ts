import { describe, expect, it } from "vitest";
import { drift, isLongEnough, slopePerMinute } from "../../bench/scale/slopes.ts";

const samples = (...values: readonly number[]) => values.map((value, at) => ({ atSeconds: at * 10, value }));

describe("growth over a run", () => {
  it("is that of the line through all samples", () => {
    expect(slopePerMinute(samples(100, 101, 102, 103))).toBeCloseTo(6);
    expect(slopePerMinute(samples(100, 130, 70, 100))).toBeCloseTo(-36);
    expect(slopePerMinute(samples(5, 5, 5))).toBe(0);
    expect(slopePerMinute(samples(5))).toBe(0);
  });

  it("is also the last third by the first, whatever single samples do", () => {
    expect(drift(samples(10, 10, 500, 10, 10, 10, 20, 20, 1))).toBe(2);
    expect(drift(samples(1, 2))).toBeNaN();
  });

  it("is judged after ten minutes and nine samples, not before", () => {
    const every = (seconds: number, count: number) =>
      Array.from({ length: count }, (_, at) => ({ atSeconds: at * seconds }));
    expect(isLongEnough(every(10, 61))).toBe(true);
    expect(isLongEnough(every(10, 60))).toBe(false);
    expect(isLongEnough(every(100, 8))).toBe(false);
    expect(isLongEnough([])).toBe(false);
  });
});
