/** A page for each alert, and the list of all metrics. */
import { type AlertRow, timesAt } from "./alert.ts";
import type { MetricRow } from "./metric.ts";

const MADE = "<!-- Made by `npm run signals` of the tables in src/signals: change them, not this file. -->\n";

export function runbookPage(row: AlertRow): string {
  const when = row.for === undefined ? "at once" : `after ${row.for}`;
  const numbered = (items: readonly string[]) =>
    items.map((item, at) => `${at + 1}. ${capital(item)}${item.endsWith("?") ? "" : "."}`).join("\n");
  return `${MADE}# ${row.name}

**${row.severity === "page" ? "Page: somebody gets up now." : "Ticket: somebody looks within days."}** ${row.summary}; told ${when}.

## What it means

${row.meaning}

## Look

${numbered(row.look)}

## Do

${numbered(row.act)}

## When it fires

\`\`\`promql
${row.expr(timesAt(1))}
\`\`\`
`;
}

export function runbookIndex(alerts: readonly AlertRow[]): string {
  const list = (severity: AlertRow["severity"]) =>
    alerts
      .filter((row) => row.severity === severity)
      .map(({ name, summary }) => `- [${name}](${name}.md): ${summary}`)
      .join("\n");
  return `${MADE}# Runbooks

A page for each alert of \`deploy/prometheus/rules.yml\`: what it means, what to look at, what to do.

## Pages

${list("page")}

## Tickets

${list("ticket")}
`;
}

export function metricsPage(metrics: readonly MetricRow[]): string {
  const rows = metrics.map(({ name, type, help, labels = [], when }) => {
    const label = labels.length === 0 ? "" : labels.map((one) => `\`${one}\``).join(" ");
    const only = when === undefined ? "" : ` Only when ${when}.`;
    return `| \`${name}\` | ${type} | ${label} | ${help}${only} |`;
  });
  return `${MADE}# Metrics

\`GET /metrics\` on the admin listener (\`--admin-listen\`), in the Prometheus text format. Times are seconds, sizes bytes. Every label has a
closed list of values, or as many as an operator wrote down (witnesses of the policy, keys, the first hundred logs of a witness).

| name | type | labels | what it says |
|---|---|---|---|
${rows.join("\n")}
`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
