import type { LogMetricsOptions } from "../../src/telemetry/log-metrics.ts";

/** Of a log in memory, whose time stands still. */
export function logMetricsOptions(options: Partial<LogMetricsOptions> = {}): LogMetricsOptions {
  return {
    version: "1.2.3",
    storage: () => Promise.resolve({ usedBytes: 1000, freeBytes: 9000 }),
    clock: () => 1_700_000_000_000,
    now: () => 0,
    isWholeProcess: false,
    readersWanted: 0,
    minFreeBytes: 500,
    isServedWatched: true,
    keys: [{ name: "k", sinceMs: 1_600_000_000_000 }],
    hasLocalWitnesses: false,
    webhooks: ["ci"],
    ...options,
  };
}
