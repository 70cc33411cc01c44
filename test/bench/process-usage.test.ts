import { describe, expect, it } from "vitest";
import { parseUsage, usageOf } from "../../bench/scale/process-usage.ts";

const STAT = "4711 (a (strange) name) S 1 4711 4711 0 -1 4194560 100 0 2 0 1234 66 0 0 20 0 11 0 500";
const STATUS =
  "Name:\tnode\nVmHWM:\t  90000 kB\nVmRSS:\t  80000 kB\nRssAnon:\t  60000 kB\nRssFile:\t  20000 kB\n";

describe("what a process costs", () => {
  it("is its user and system time, and its memory", () => {
    expect(parseUsage(STAT, STATUS)).toEqual({
      cpuSeconds: 13,
      rssAnonBytes: 60_000 * 1024,
      rssBytes: 80_000 * 1024,
      peakRssBytes: 90_000 * 1024,
    });
  });

  it.each([
    ["times", "4711 (name) S 1", STATUS],
    ["memory", STAT, STATUS.replace("RssAnon", "Anon")],
  ])("is not made up without %s", (_name, stat, status) => {
    expect(() => parseUsage(stat, status)).toThrow(/no times|no RssAnon/);
  });

  it.skipIf(process.platform !== "linux")("is found for a process that runs", () => {
    const usage = usageOf(process.pid);
    expect(usage.cpuSeconds).toBeGreaterThan(0);
    expect(usage.rssAnonBytes).toBeGreaterThan(1024 * 1024);
    expect(usage.peakRssBytes).toBeGreaterThanOrEqual(usage.rssAnonBytes);
  });
});
