/** A panel, and what the queries of panels are made of. */

export interface Panel {
  readonly title: string;
  /** What it is for, one sentence. */
  readonly text: string;
  /** "number": the newest value, large. Default: a curve. */
  readonly kind?: "number";
  readonly unit: "short" | "s" | "bytes" | "percentunit" | "reqps" | "d" | "dateTimeFromNow";
  readonly series: readonly { readonly expr: string; readonly legend: string }[];
}

export interface Dashboard {
  readonly id: "executive" | "on-call" | "debug";
  readonly title: string;
  readonly panels: readonly Panel[];
}

export const PICK = 'job=~"$job",instance=~"$instance"';
const RATE = "$__rate_interval";

export const rate = (counter: string, by: string, more = "") =>
  `sum by (${by}) (rate(${counter}{${PICK}${more}}[${RATE}]))`;
export const quantiles = (histogram: string, more = "", by = ""): Panel["series"] =>
  ["0.5", "0.99"].map((share) => ({
    expr: `histogram_quantile(${share}, sum by (le${by}) (rate(${histogram}_bucket{${PICK}${more}}[${RATE}])))`,
    legend: `${share === "0.5" ? "half" : "99 %"}${by === "" ? "" : ` {{${by.replace(", ", "")}}}`}`,
  }));
export const one = (expr: string, legend: string): Panel["series"] => [{ expr, legend }];
export const plain = (gauge: string, legend: string, more = "") => one(`${gauge}{${PICK}${more}}`, legend);
export const ADDS = ',route=~"/add|/add-batch"';
export const REQUESTS = "bristlecone_http_requests_total";
export const DURATION = "bristlecone_http_request_duration_seconds";
