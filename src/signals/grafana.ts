/** Dashboards as Grafana 10 and later import them. */
import type { Dashboard, Panel } from "./panel.ts";

const COLUMNS = 24;
const DATA_SOURCE = "datasource";
const NUMBERS_A_ROW = 4;
const CURVES_A_ROW = 2;

export function grafanaFile(dashboard: Dashboard): string {
  const { id, title, panels } = dashboard;
  const numbers = panels.filter(({ kind }) => kind === "number");
  const curves = panels.filter(({ kind }) => kind === undefined);
  const top = Math.ceil(numbers.length / NUMBERS_A_ROW) * NUMBER_HEIGHT;
  const placed = [
    ...numbers.map((panel, at) => grafanaPanel(panel, place(at, NUMBERS_A_ROW, NUMBER_HEIGHT, 0))),
    ...curves.map((panel, at) => grafanaPanel(panel, place(at, CURVES_A_ROW, CURVE_HEIGHT, top))),
  ].map((panel, at) => ({ id: at + 1, ...panel }));
  const file = {
    uid: `bristlecone-${id}`,
    title,
    tags: ["bristlecone"],
    description: "Made by `npm run signals`.",
    editable: true,
    schemaVersion: 39,
    version: 1,
    refresh: "30s",
    time: { from: id === "executive" ? "now-30d" : "now-6h", to: "now" },
    timezone: "utc",
    templating: { list: [dataSource(), variable("job"), variable("instance")] },
    panels: placed,
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** What the reader of the dashboard chose. */
const SOURCE = { type: "prometheus", uid: ["$", "{", DATA_SOURCE, "}"].join("") };
const NUMBER_HEIGHT = 4;
const CURVE_HEIGHT = 8;

function place(at: number, perRow: number, height: number, top: number) {
  const width = COLUMNS / perRow;
  return { h: height, w: width, x: (at % perRow) * width, y: top + Math.floor(at / perRow) * height };
}

function grafanaPanel({ title, text, kind, unit, series }: Panel, gridPos: ReturnType<typeof place>) {
  const source = SOURCE;
  return {
    title,
    description: text,
    type: kind === "number" ? "stat" : "timeseries",
    datasource: source,
    gridPos,
    fieldConfig: { defaults: { unit }, overrides: [] },
    options:
      kind === "number"
        ? {
            reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
            textMode: "value_and_name",
            colorMode: "none",
          }
        : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: series.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: source,
      expr,
      legendFormat: legend,
    })),
  };
}

function dataSource() {
  return { name: DATA_SOURCE, label: "Prometheus", type: "datasource", query: "prometheus" };
}

function variable(name: "job" | "instance") {
  const of = name === "job" ? 'up{job=~"bristlecone-.*"}' : 'up{job=~"$job"}';
  return {
    name,
    type: "query",
    datasource: SOURCE,
    query: { query: `label_values(${of}, ${name})`, refId: name },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}
