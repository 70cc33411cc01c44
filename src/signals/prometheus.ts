/** Prometheus files, made of the table of alerts. */
import { type AlertRow, type Times, timesAt } from "./alert.ts";
import { LOG_TICKETS } from "./log-tickets.ts";
import { OBJECTIVE_ALERTS, OBJECTIVES, recordedName, WINDOWS } from "./objectives.ts";
import { OTHER_TICKETS } from "./other-tickets.ts";
import { PAGE_ALERTS } from "./page-alerts.ts";

export const ALERTS: readonly AlertRow[] = [
  ...PAGE_ALERTS,
  ...OBJECTIVE_ALERTS,
  ...LOG_TICKETS,
  ...OTHER_TICKETS,
];

export interface RecordedRow {
  readonly name: string;
  readonly expr: string;
}

const HEADER = "# Made by `npm run signals` of the tables in src/signals: change them, not this file.\n";

/** Series that rules record, for other rules and for panels. */
export function recorded({ span, seconds }: Times): readonly RecordedRow[] {
  const ratios = OBJECTIVES.flatMap((objective) =>
    WINDOWS.map((window) => ({
      name: recordedName(objective, window),
      // Of bad ones there is no series before the first: none of them is 0, not nothing. And without requests there is no share:
      // one 0 / 0 in an idle hour would make the average of a month NaN.
      expr: `(${objective.bad(span(window))} or 0 * ${objective.all(span(window))}) / (${objective.all(span(window))} > 0)`,
    })),
  );
  const free = "bristlecone_storage_free_bytes";
  const left = `(${free} - on (job, instance) bristlecone_log_min_free_bytes)`;
  return [
    ...ratios,
    {
      name: "bristlecone:storage_seconds_left",
      // A day's pace; while nothing is written there is no end to it.
      expr: `${left} / on (job, instance) (-deriv(${free}[${span("1d")}]) > 0) and on (job, instance) count_over_time(${free}[${span("1d")}]) > ${seconds("1d")} / 600`,
    },
  ];
}

/** Where the pages of alerts are, from the root of this repository. */
export const RUNBOOKS = "deploy/runbooks";

/**
 * @param options.timesOf - for a test in which days pass in seconds. Default: as they are written.
 * @param options.runbookBase - what a notification links to, before "/NAME.md". Default: {@link RUNBOOKS}.
 */
export function rulesFile({
  timesOf = () => timesAt(1),
  interval = "30s",
  runbookBase = RUNBOOKS,
}: {
  readonly timesOf?: (alert: string | undefined) => Times;
  readonly interval?: string;
  readonly runbookBase?: string;
} = {}): string {
  const rules = recorded(timesOf(undefined)).map(
    ({ name, expr }) => `      - record: ${name}\n        expr: ${folded(expr)}`,
  );
  const groups = (["page", "ticket"] as const).map((severity) => {
    const rows = ALERTS.filter((row) => row.severity === severity);
    return group(
      `bristlecone-${severity}`,
      interval,
      rows.map((row) => alertRule(row, timesOf(row.name), runbookBase)),
    );
  });
  return `${HEADER}groups:\n${group("bristlecone-recorded", interval, rules)}${groups.join("")}`;
}

function group(name: string, interval: string, rules: readonly string[]): string {
  return `  - name: ${name}\n    interval: ${interval}\n    rules:\n${rules.join("\n")}\n`;
}

function alertRule(row: AlertRow, times: Times, runbookBase: string): string {
  const lines = [
    `      - alert: ${row.name}`,
    `        expr: ${folded(row.expr(times))}`,
    ...(row.for === undefined ? [] : [`        for: ${times.span(row.for)}`]),
    `        labels: { severity: ${row.severity} }`,
    "        annotations:",
    `          summary: ${JSON.stringify(row.summary)}`,
    `          description: ${JSON.stringify(row.meaning)}`,
    `          runbook_url: ${JSON.stringify(`${runbookBase}/${row.name}.md`)}`,
  ];
  return lines.join("\n");
}

/** As a block, since PromQL is full of what YAML has a meaning for. */
function folded(expr: string): string {
  return `>-\n${expr
    .split("\n")
    .map((line) => `          ${line}`)
    .join("\n")}`;
}

/** For `promtool test rules`: each alert fires in its example, and none of a log and a witness that do well. */
export function testsFile(): string {
  const fires = ALERTS.map((row) =>
    test(row.name, row.example, [
      {
        at: row.exampleAt,
        expr: `count(ALERTS{alertname="${row.name}",alertstate="firing"}) > bool 0`,
        value: 1,
      },
    ]),
  );
  const quiet = test("nothing fires while all is well", HEALTHY, [
    { at: "30m", expr: `count(ALERTS) or vector(0)`, value: 0 },
    { at: "90m", expr: `count(ALERTS) or vector(0)`, value: 0 },
  ]);
  return `${HEADER}rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n${[...fires, quiet].join("")}`;
}

function test(
  name: string,
  series: Readonly<Record<string, string>>,
  wanted: readonly { readonly at: string; readonly expr: string; readonly value: number }[],
): string {
  const input = Object.entries(series).map(
    ([selector, values]) =>
      `      - series: ${JSON.stringify(selector)}\n        values: ${JSON.stringify(values)}\n`,
  );
  const samples = wanted.map(
    ({ at, expr, value }) =>
      `      - eval_time: ${at}\n        expr: ${JSON.stringify(expr)}\n        exp_samples: [{ labels: "{}", value: ${value} }]\n`,
  );
  return `  - name: ${JSON.stringify(name)}\n    interval: 1m\n    input_series:\n${input.join("")}    promql_expr_test:\n${samples.join("")}`;
}

const HEALTHY: Readonly<Record<string, string>> = healthy();

function healthy(): Readonly<Record<string, string>> {
  const log = 'job="bristlecone-log",instance="a"';
  const witness = 'job="bristlecone-witness",instance="b"';
  const requests = (job: string, route: string) =>
    `bristlecone_http_requests_total{${job},route="${route}",code="200"}`;
  const n = 100;
  return {
    [`up{${log}}`]: `1x${n}`,
    [`up{${witness}}`]: `1x${n}`,
    [`process_start_time_seconds{${log}}`]: `1x${n}`,
    [`process_open_fds{${log}}`]: `40x${n}`,
    [`process_max_fds{${log}}`]: `1024x${n}`,
    [`nodejs_eventloop_lag_p99_seconds{${log}}`]: `0.01x${n}`,
    [requests(log, "/add")]: `0+1000x${n}`,
    [`bristlecone_http_requests_total{${log},route="/add",code="500"}`]: `0x20 1x80`,
    [requests(log, "/checkpoint")]: `0+1000x${n}`,
    [requests(witness, "/add-checkpoint")]: `0+60x${n}`,
    [`bristlecone_http_request_duration_seconds_count{${log},route="/add"}`]: `0+1000x${n}`,
    [`bristlecone_http_request_duration_seconds_bucket{${log},route="/add",le="1"}`]: `0+999x${n}`,
    [`bristlecone_log_state{${log},state="read-only"}`]: `0x${n}`,
    [`bristlecone_log_state{${log},state="space-low"}`]: `0x${n}`,
    [`bristlecone_log_unpublished_age_seconds{${log}}`]: `0 1 2x${n}`,
    [`bristlecone_log_quorum_missing{${log}}`]: `0x${n}`,
    [`bristlecone_log_quorum_margin{${log}}`]: `0x${n}`,
    [`bristlecone_log_witness_up{${log},witness="w1"}`]: `1x${n}`,
    [`bristlecone_log_state{${log},state="signer-failed"}`]: `0x${n}`,
    [`bristlecone_log_webhook_up{${log},webhook="ci"}`]: `1x${n}`,
    [`bristlecone_log_scrub_findings{${log}}`]: `0x${n}`,
    [`bristlecone_log_scrub_last_pass_timestamp_seconds{${log}}`]: `0x${n}`,
    [`bristlecone_log_signer_failures_total{${log}}`]: `0x20 1x80`,
    [`bristlecone_log_pool_refused_entries_total{${log}}`]: `0x${n}`,
    [`bristlecone_storage_free_bytes{${log}}`]: `100000000-1x${n}`,
    [`bristlecone_log_min_free_bytes{${log}}`]: `1000x${n}`,
    [`bristlecone_witness_state{${witness},state="read-only"}`]: `0x${n}`,
    [`bristlecone_witness_evidence_total{${witness}}`]: `0x${n}`,
    [`bristlecone_witness_heads_compared_total{${witness},verdict="unproven"}`]: `0x${n}`,
  };
}
