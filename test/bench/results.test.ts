import { describe, expect, it } from "vitest";
import {
  failuresOf,
  judgedText,
  LEAST_SHARES,
  only,
  ratiosOf,
  regressions,
  without,
} from "../../bench/baseline.ts";
import { alternate, median, ratioOf } from "../../bench/pairs.ts";
import type { Curve, Result, Side } from "../../bench/results.ts";
import { plot } from "../../bench/svg.ts";

const SPREAD = { median: 0.4, min: 0.3, max: 0.5 };
const RESULT: Result = {
  name: "add-64",
  title: "",
  unit: "entries",
  ratio: SPREAD,
  cpuRatio: { ...SPREAD, median: 0.8 },
};

describe("pairs", () => {
  it("run alternately, and change which comes first", async () => {
    const order: string[] = [];
    const pairs = await alternate(3, {
      yardstick: async (round) => order.push(`yardstick ${round}`),
      ours: async (round) => order.push(`ours ${round}`),
    });
    expect(order).toEqual(["yardstick 0", "ours 0", "ours 1", "yardstick 1", "yardstick 2", "ours 2"]);
    expect(pairs).toEqual({ yardstick: [1, 4, 5], ours: [2, 3, 6] });
  });

  it("give the median of their ratios, not the ratio of medians, and its spread", () => {
    const pairs = { yardstick: [100, 10, 1], ours: [50, 30, 0.7] };
    expect(ratioOf(pairs, (value) => value)).toEqual({ median: 0.7, min: 0.5, max: 3 });
  });

  it("have a median of even counts between the two in the middle, and none of nothing", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("end when they are told to", async () => {
    const one = async () => 1;
    await expect(alternate(2, { yardstick: one, ours: one }, AbortSignal.abort())).rejects.toThrow();
  });
});

describe("the baseline", () => {
  const recorded = ratiosOf([RESULT]);

  it("is split by rows, so that some are judged or recorded again without the others", () => {
    const both = { ...recorded, "get-tile, CPU": 0.8 };
    expect(only(both, ["add-64"])).toEqual(recorded);
    expect(without(both, ["add-64"])).toEqual({ "get-tile, CPU": 0.8 });
  });

  it("says of which rows it has nothing", () => {
    const results = [RESULT, { ...RESULT, name: "receipt-idle" }];
    const text = judgedText(results, { recorded, fallen: [] });
    expect(text).toContain("no ratio of receipt-idle is recorded");
    expect(judgedText(results, { recorded: {}, fallen: [] })).not.toContain("no ratio fell");
  });

  it("keeps ratios only", () => {
    expect(recorded).toEqual({ "add-64, throughput": 0.4, "add-64, CPU": 0.8 });
  });

  it("lets a ratio vary, and names one that fell far or is no longer measured", () => {
    const at = (throughput: number, cpu: number) => ({
      "add-64, throughput": 0.4 * throughput,
      "add-64, CPU": 0.8 * cpu,
    });
    const { throughput, CPU: cpu } = LEAST_SHARES;
    expect(regressions(at(throughput, cpu), recorded)).toEqual([]);
    expect(regressions(at(3, 3), recorded)).toEqual([]);
    expect(regressions(at(throughput - 0.01, 1), recorded)).toEqual([
      { name: "add-64", text: expect.stringContaining("throughput") },
    ]);
    expect(regressions(at(1, cpu - 0.01), recorded)).toEqual([
      { name: "add-64", text: expect.stringContaining("CPU") },
    ]);
    expect(regressions({}, recorded)).toHaveLength(2);
    expect(regressions({ ...recorded, "add-64, CPU": Number.NaN }, recorded)).toHaveLength(1);
  });

  it("counts requests that failed, on either side", () => {
    const side: Side = {
      name: "x",
      perSecond: SPREAD,
      cpuMicrosPerOperation: undefined,
      peakRssAnonMiB: undefined,
      latencyMs: undefined,
      outcomes: {},
      failures: 2,
      generatorCpuShare: undefined,
      wasGeneratorBottleneck: false,
    };
    expect(failuresOf([{ ...RESULT, yardstick: { ...side, failures: 0 }, ours: side }])).toHaveLength(1);
  });
});

describe("plot", () => {
  const curve: Curve = {
    x: { label: "offered load, entries a second", isLogarithmic: false },
    y: { label: "latency, ms", isLogarithmic: true },
    lines: [
      {
        name: "p50 & <less>",
        points: [
          [1000, 0.5],
          [5000, 2],
        ],
      },
      {
        name: "p99",
        points: [
          [1000, 3],
          [5000, 250],
          [6000, Number.NaN],
          [7000, 0],
        ],
      },
    ],
  };

  it("is well-formed: every element closed, every & one of an entity, no script", () => {
    const svg = plot('POST /add "quoted"', curve);
    const open: string[] = [];
    for (const [, slash, name = "", rest = ""] of svg.matchAll(/<(\/?)([a-zA-Z]+)((?:[^<>"]|"[^"<]*")*)>/g)) {
      if (slash === "/") expect(open.pop()).toBe(name);
      else if (!rest.endsWith("/")) open.push(name);
    }
    expect(open).toEqual([]);
    expect(svg.replace(/&(amp|lt|gt|quot);/g, "")).not.toContain("&");
    expect(svg).not.toMatch(/script|NaN|Infinity|undefined/);
    expect(svg).toContain("p50 &amp; &lt;less&gt;");
  });

  it("names its axes with their units, and stays inside its frame", () => {
    const svg = plot("x", curve);
    expect(svg).toContain("offered load, entries a second");
    expect(svg).toContain("latency, ms");
    for (const [, x, y] of svg.matchAll(/<circle cx="([\d.-]+)" cy="([\d.-]+)"/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(x)).toBeLessThanOrEqual(720);
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(y)).toBeLessThanOrEqual(420);
    }
  });

  it("draws one point, and refuses none", () => {
    const one: Curve = { ...curve, lines: [{ name: "p50", points: [[0, 1]] }] };
    expect(plot("x", one)).not.toMatch(/NaN|Infinity/);
    expect(() => plot("x", { ...curve, lines: [] })).toThrow(RangeError);
  });
});
