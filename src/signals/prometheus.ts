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

export const HEADER =
  "# Made by `npm run signals` of the tables in src/signals: change them, not this file.\n";

/** Series that rules record, for other rules and for panels. */
export function recorded({ span, seconds }: Times): readonly RecordedRow[] {
  const rates = OBJECTIVES.flatMap((objective) =>
    WINDOWS.flatMap((window) => {
      const all = recordedName(objective, "all", window);
      return [
        { name: all, expr: objective.all(span(window)) },
        // Before the first bad one there is no series of them: that is none, not nothing. A group's rules see what those before them recorded.
        {
          name: recordedName(objective, "bad", window),
          expr: `${objective.bad(span(window))} or 0 * ${all}`,
        },
      ];
    }),
  );
  const free = "bristlecone_storage_free_bytes";
  const left = `(${free} - on (job, instance) bristlecone_log_min_free_bytes)`;
  return [
    ...rates,
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
