import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { timesAt } from "../../src/signals/alert.ts";
import { signalFiles } from "../../src/signals/files.ts";
import { DASHBOARDS } from "../../src/signals/panels.ts";
import { ALERTS, recorded } from "../../src/signals/prometheus.ts";
import { METRICS } from "../../src/signals/table.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TIMES = timesAt(1);
const QUERIES = [
  ...ALERTS.map((row) => ({ of: row.name, expr: row.expr(TIMES) })),
  ...recorded(TIMES).map(({ name, expr }) => ({ of: name, expr })),
  ...DASHBOARDS.flatMap(({ panels }) =>
    panels.flatMap(({ title, series }) => series.map(({ expr }) => ({ of: title, expr }))),
  ),
];
const ROWS = new Map(METRICS.map((row) => [row.name, row]));
const RECORDED = new Set(recorded(TIMES).map(({ name }) => name));
/** Prometheus's own. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ["alertname", "severity", "alertstate"],
};
/** Of the scrape. */
const TARGET = ["job", "instance"];

/** Names of series in a query, with the labels of their selectors. */
function seriesIn(expr: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const named =
    /\b(bristlecone[_:][a-z0-9_:]+|process_[a-z_]+|nodejs_[a-z0-9_]+|up|ALERTS)\b(?!\s*\()(?:\{([^}]*)\})?/g;
  return [...expr.matchAll(named)].map(([, name = "", selector = ""]) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  }));
}

/** The row of a series: a histogram has three. */
function rowOf(name: string) {
  const base = name.replace(/_(bucket|sum|count)$/, "");
  return ROWS.get(name) ?? (ROWS.get(base)?.type === "histogram" ? ROWS.get(base) : undefined);
}

describe("the tables of signals", () => {
  it("are what the committed rules, dashboards and runbooks were made of", () => {
    const differing = [...signalFiles()].filter(
      ([path, text]) => !existsSync(`${ROOT}/${path}`) || readFileSync(`${ROOT}/${path}`, "utf8") !== text,
    );
    expect(differing.map(([path]) => path)).toEqual([]);
    for (const folder of ["deploy/runbooks", "deploy/grafana"]) {
      const made = [...signalFiles().keys()].filter((path) => path.startsWith(folder));
      expect(
        readdirSync(`${ROOT}/${folder}`)
          .map((name) => `${folder}/${name}`)
          .sort(),
      ).toEqual(made.sort());
    }
  });

  it("ask for no series that nobody makes, and for no label that it does not have", () => {
    const unknown = QUERIES.flatMap(({ of, expr }) =>
      seriesIn(expr).flatMap(({ name, labels }) => {
        const row = rowOf(name);
        const given = GIVEN[name] ?? (RECORDED.has(name) ? [] : row?.labels);
        if (row === undefined && given === undefined) return [`${of}: ${name}`];
        const known = [...TARGET, ...(given ?? []), ...(row?.type === "histogram" ? ["le"] : [])];
        return labels
          .filter((label) => !known.includes(label))
          .map((label) => `${of}: ${name} has no ${label}`);
      }),
    );
    expect(unknown).toEqual([]);
    expect(QUERIES.filter(({ expr }) => seriesIn(expr).length === 0)).toEqual([]);
  });

  it("show every metric of a log, a witness or a monitor on a dashboard", () => {
    const shown = new Set(
      DASHBOARDS.flatMap(({ panels }) =>
        panels.flatMap(({ series }) => series.flatMap(({ expr }) => seriesIn(expr))),
      ).map(({ name }) => rowOf(name)?.name ?? name),
    );
    const missing = METRICS.filter(
      ({ name }) => /^bristlecone_(log|witness|monitor)_/.test(name) && !shown.has(name),
    );
    // The floor and the limit of entries are shown as the distance to them; sums and limits of others stand beside what they limit.
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("follow the conventions for names", () => {
    for (const { name, type, help } of METRICS) {
      expect(name.endsWith("_total")).toBe(type === "counter");
      expect(help).toMatch(/^[^\n]{10,}\.$/);
    }
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
  });

  it("have a runbook for each alert, that says what to look at and what to do", () => {
    expect(new Set(ALERTS.map(({ name }) => name)).size).toBe(ALERTS.length);
    for (const { name, look, act, meaning } of ALERTS) {
      expect(signalFiles().has(`deploy/runbooks/${name}.md`)).toBe(true);
      expect([look.length > 0, act.length > 0, meaning.length > 40]).toEqual([true, true, true]);
    }
  });
});
