import { describe, expect, it } from "vitest";
import { arrivalTimes, seededRandom } from "../../bench/load/arrivals.ts";

function take(count: number, next: () => number): readonly number[] {
  return Array.from({ length: count }, next);
}

describe("arrivalTimes", () => {
  it("spaces fixed arrivals evenly, from 0, without adding up what rounding loses", () => {
    const next = arrivalTimes({ kind: "fixed", perSecond: 3000, random: seededRandom(1) });
    const times = take(30_001, next);
    expect(times[0]).toBe(0);
    expect(times[30_000]).toBeCloseTo(10_000, 6);
  });

  it("gives Poisson arrivals: gaps of the mean, as many above 1/e of them as an exponential has", () => {
    const next = arrivalTimes({ kind: "poisson", perSecond: 1000, random: seededRandom(7) });
    const times = take(50_000, next);
    const gaps = times.map((time, at) => time - (times[at - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
    expect(times.at(-1)).toBeGreaterThan(49_000);
    expect(times.at(-1)).toBeLessThan(51_000);
    const longer = gaps.filter((gap) => gap > 1).length / gaps.length;
    expect(longer).toBeCloseTo(Math.exp(-1), 1);
  });

  it("is the same for the same seed", () => {
    const times = (seed: number) =>
      take(100, arrivalTimes({ kind: "poisson", perSecond: 10, random: seededRandom(seed) }));
    expect(times(5)).toEqual(times(5));
    expect(times(5)).not.toEqual(times(6));
  });

  it.each([0, -1, Number.NaN])("refuses a rate of %s", (perSecond) => {
    expect(() => arrivalTimes({ kind: "fixed", perSecond, random: seededRandom(1) })).toThrow(RangeError);
  });
});
