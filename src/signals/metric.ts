/** A row of the table of metrics: everything else that knows a metric (help, panels, alert rules, tests) has it from there. */
export interface MetricRow {
  /** With its unit and, for a counter, `_total`: prometheus.io/docs/practices/naming */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** One line, as /metrics shows it. */
  readonly help: string;
  /** Every one of them has a closed list of values, or as many as an operator wrote down. */
  readonly labels?: readonly string[];
  /** Of a histogram: upper bounds. */
  readonly buckets?: readonly number[];
  /** When there are any values; undefined: always. */
  readonly when?: string;
}

/** From a millisecond to a minute: what a request, a commit or a signature may take. */
export const DURATIONS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;
/** Times that only batches of one entry and batches of the largest size differ in. */
export const COUNTS = [1, 4, 16, 64, 256, 1024, 4096, 16_384] as const;
