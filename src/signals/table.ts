/** All metrics, and their names as a type: a name that is not in the table does not compile. */
import { LOG_METRICS } from "./log-metrics.ts";
import type { MetricRow } from "./metric.ts";
import { MONITOR_METRICS } from "./monitor-metrics.ts";
import { PROCESS_METRICS, SERVER_METRICS } from "./process-metrics.ts";
import { WITNESS_METRICS } from "./witness-metrics.ts";

const ROWS = [...SERVER_METRICS, ...LOG_METRICS, ...WITNESS_METRICS] as const;

/** Made by this program. */
export type MetricName = (typeof ROWS)[number]["name"];

export const METRICS: readonly MetricRow[] = Object.freeze([...ROWS, ...MONITOR_METRICS, ...PROCESS_METRICS]);

const BY_NAME = new Map(METRICS.map((row) => [row.name, row]));

export function metricRow(name: MetricName): MetricRow {
  const row = BY_NAME.get(name);
  return row ?? { name, type: "gauge", help: "" };
}
