/** Every file that is made of the tables, by its path from the root. */
import { grafanaFile } from "./grafana.ts";
import { DASHBOARDS } from "./panels.ts";
import { ALERTS, RUNBOOKS, rulesFile } from "./prometheus.ts";
import { testsFile } from "./promtool-tests.ts";
import { metricsPage, runbookIndex, runbookPage } from "./runbook.ts";
import { METRICS } from "./table.ts";

/** @param options - of {@link rulesFile}. */
export function signalFiles(options: { readonly runbookBase?: string } = {}): ReadonlyMap<string, string> {
  return new Map([
    ["deploy/prometheus/rules.yml", rulesFile(options)],
    ["deploy/prometheus/tests.yml", testsFile()],
    ["deploy/prometheus/METRICS.md", metricsPage(METRICS)],
    [`${RUNBOOKS}/README.md`, runbookIndex(ALERTS)],
    ...ALERTS.map((row) => [`${RUNBOOKS}/${row.name}.md`, runbookPage(row)] as const),
    ...DASHBOARDS.map((board) => [`deploy/grafana/${board.id}.json`, grafanaFile(board)] as const),
  ]);
}
