import { describe, expect, it } from "vitest";
import { seededRandom } from "../../bench/load/arrivals.ts";
import { Histogram } from "../../bench/load/histogram.ts";

const SHARES = [0, 0.5, 0.9, 0.99, 0.999, 1];

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** From a microsecond to a quarter of an hour, every order of magnitude as often. */
function manyValues(seed: number): readonly number[] {
  const random = seededRandom(seed);
  return Array.from({ length: 5000 }, () => Math.round(10 ** (random() * 9)));
}

describe("Histogram", () => {
  it("gives percentiles as a sorted array does, to three digits", () => {
    const values = manyValues(1);
    const histogram = histogramOf(values);
    const sorted = values.toSorted((a, b) => a - b);
    for (const share of SHARES) {
      const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
      const got = histogram.percentile(share);
      expect(got).toBeGreaterThanOrEqual(exact);
      expect(got).toBeLessThanOrEqual(exact * 1.001 + 1e-9);
    }
  });

  it("keeps values below 2,048 and the largest exactly", () => {
    const histogram = histogramOf([0, 1, 2047, 1_234_567]);
    expect([0.25, 0.5, 0.75, 1].map((share) => histogram.percentile(share))).toEqual([0, 1, 2047, 1_234_567]);
    expect(histogram.maxMicros).toBe(1_234_567);
    expect(histogram.count).toBe(4);
  });

  it("keeps every power of two and its neighbours to three digits", () => {
    for (let power = 10; power < 34; power += 1) {
      for (const value of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
        const got = histogramOf([value, 2 ** 34]).percentile(0.5);
        expect(got).toBeGreaterThanOrEqual(value);
        expect(got - value).toBeLessThanOrEqual(value / 1000);
      }
    }
  });

  it("is merged from parts as if all was recorded in one", () => {
    const [one, other] = [manyValues(2), manyValues(3)];
    const merged = Histogram.from(JSON.parse(JSON.stringify(histogramOf(one).toData())));
    merged.merge(histogramOf(other).toData());
    merged.merge(new Histogram().toData());
    expect(merged.toData()).toEqual(histogramOf([...one, ...other]).toData());
  });

  it("takes what is negative for 0, and what is longer than it can hold for the longest", () => {
    const histogram = histogramOf([-5, 1e30]);
    expect(histogram.percentile(0.5)).toBe(0);
    expect(histogram.percentile(1)).toBe(2048 * 2 ** 24 - 1);
  });

  it("has no percentile of nothing", () => {
    expect(new Histogram().percentile(0.5)).toBeNaN();
  });
});
