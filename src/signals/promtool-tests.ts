/** Examples in promtool's notation: when an alert fires, when none does, and what panels make of a month. */

import type { AlertRow } from "./alert.ts";
import { OBJECTIVES, type Objective, shareOfGood } from "./objectives.ts";
import { ALERTS, HEADER } from "./prometheus.ts";

interface Example {
  readonly series: Readonly<Record<string, string>>;
  readonly wanted: readonly { readonly at: string; readonly expr: string; readonly value: number }[];
}

/**
 * For `promtool test rules`. All of them are instances of one test: a promtool that computes every rule anew for each of forty examples
 * takes twenty seconds.
 */
export function testsFile(): string {
  const examples = [...ALERTS.map(firing), ...QUIET.map(quiet), shares()];
  const series = examples.flatMap((example) => Object.entries(example.series));
  const input = series.map(
    ([selector, values]) =>
      `      - series: ${JSON.stringify(selector)}\n        values: ${JSON.stringify(values)}\n`,
  );
  const samples = examples
    .flatMap(({ wanted }) => wanted)
    .map(
      ({ at, expr, value }) =>
        `      - eval_time: ${at}\n        expr: ${JSON.stringify(expr)}\n        exp_samples: [{ labels: "{}", value: ${value} }]\n`,
    );
  return `${HEADER}rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n${input.join("")}    promql_expr_test:\n${samples.join("")}`;
}

/** An alert fires in its example. */
function firing({ name, example, exampleAt }: AlertRow): Example {
  const instance = `instance="fires ${name}"`;
  const series = Object.entries(example).map(([selector, values]) => [
    selector.replace('instance="a"', instance),
    values,
  ]);
  const expr = `count(ALERTS{alertname="${name}",alertstate="firing",${instance}}) > bool 0`;
  return { series: Object.fromEntries(series), wanted: [{ at: exampleAt, expr, value: 1 }] };
}

/** None fires where all is well, as long as its series go on. */
function quiet({ instance, series }: (typeof QUIET)[number]): Example {
  const expr = `count(ALERTS{instance="${instance}"}) or vector(0)`;
  return { series, wanted: ["30m", "90m"].map((at) => ({ at, expr, value: 0 })) };
}

const MINUTES = 100;

/** A log and a witness that do well. */
function healthy(): Readonly<Record<string, string>> {
  const log = 'job="bristlecone-log",instance="well"';
  const witness = 'job="bristlecone-witness",instance="well"';
  const requests = (job: string, route: string) =>
    `bristlecone_http_requests_total{${job},route="${route}",code="200"}`;
  const n = MINUTES;
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
    [`bristlecone_log_scrub_began_timestamp_seconds{${log}}`]: `0x${n}`,
    [`bristlecone_log_signer_failures_total{${log}}`]: `0x20 1x80`,
    [`bristlecone_log_pool_refused_entries_total{${log}}`]: `0x${n}`,
    [`bristlecone_storage_free_bytes{${log}}`]: `100000000-1x${n}`,
    [`bristlecone_log_min_free_bytes{${log}}`]: `1000x${n}`,
    [`bristlecone_witness_state{${witness},state="read-only"}`]: `0x${n}`,
    [`bristlecone_witness_evidence_total{${witness}}`]: `0x${n}`,
    [`bristlecone_witness_heads_compared_total{${witness},verdict="unproven"}`]: `0x${n}`,
  };
}

/** One add in 4,400 fails, and whoever adds asks for a receipt: of a failure nobody sees what was asked for. */
function receipts(): Readonly<Record<string, string>> {
  const of = (route: string, code: string) =>
    `bristlecone_http_requests_total{job="bristlecone-log",instance="receipts",route="${route}",code="${code}"}`;
  return {
    [of("/add (receipt)", "200")]: `0+1200x${MINUTES}`,
    [of("/add", "503")]: `0x10 0+0.27x${MINUTES}`,
  };
}

const QUIET = [
  { instance: "well", series: healthy() },
  { instance: "receipts", series: receipts() },
];

/** What an hour comes to on the executive dashboard, for adds by their answers and for adds by their time. */
function shares(): Example {
  const target = (instance: string) => `job="bristlecone-log",instance="${instance}"`;
  const adds = (instance: string, code: string) =>
    `bristlecone_http_requests_total{${target(instance)},route="/add",code="${code}"}`;
  const durations = (instance: string, part: string) =>
    `bristlecone_http_request_duration_seconds_${part.replace("{", `{${target(instance)},route="/add",`)}`;
  const idling = "0+1000x20 20000x20 20000+1000x20";
  const near = (id: string, instance: string, share: number) => {
    const good = OBJECTIVES.filter((objective: Objective) => objective.id === id).map((objective) =>
      shareOfGood(objective, `instance="${instance}"`),
    );
    return { at: "60m", expr: `sum(abs(${good[0]} - ${share}) < bool 0.02)`, value: 1 };
  };
  return {
    series: {
      [adds("no failure", "200")]: "0+1000x60",
      [adds("late failures", "200")]: "0+1000x40 40500+500x20",
      [adds("late failures", "503")]: "_x40 0+500x20",
      [durations("idle hours", "count{}")]: idling,
      [durations("idle hours", 'bucket{le="1"}')]: idling,
    },
    wanted: [
      near("add_errors", "no failure", 1),
      near("add_errors", "late failures", 1 - 10 / 60),
      near("add_slow", "idle hours", 1),
    ],
  };
}
