/** Results for people. */

import { shown } from "./figures.ts";
import type { Spread } from "./pairs.ts";
import type { Report, Result, Side } from "./results.ts";

const HEAD = [
  "",
  "per second",
  "ratio (min..max)",
  "CPU us/op",
  "CPU ratio",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "MiB",
  "failed",
];

export function formatReport({ machine, scale, seed, results }: Report): string {
  const { disk } = machine;
  const lines = [
    `${machine.at}, commit ${machine.commit}, Node ${machine.node}, ${machine.kernel}`,
    `${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB; ${machine.pinning}`,
    `fdatasync of 4 KiB in ${disk.folder}: p50 ${shown(disk.p50Micros)} us, p99 ${shown(disk.p99Micros)} us; every answered entry is durable`,
    `${scale.rounds} pairs of ${scale.seconds} s${scale.isShort ? ", short form" : ""}; --seed ${seed}`,
  ];
  return [lines.join("\n"), ...results.map((result) => formatResult(result, scale))].join("\n\n");
}

/** Targets are for runs long enough to say something about them. */
export function formatResult(result: Result, { isShort }: Pick<Report["scale"], "isShort">): string {
  const { name, title, unit, yardstick, ours, figures = [], notes = [] } = result;
  const targets = isShort ? [] : (result.targets ?? []);
  const rows = [
    ...(yardstick === undefined ? [] : [sideCells(yardstick)]),
    ...(ours === undefined ? [] : [sideCells(ours, result)]),
  ];
  const bottleneck = [yardstick, ours].flatMap((side) =>
    side?.wasGeneratorBottleneck
      ? [
          `the generator was short of time (${percent(side.generatorCpuShare)} of a core, or late): the figures of "${side.name}" are its too`,
        ]
      : [],
  );
  return [
    `${name}: ${title}${rows.length === 0 ? "" : ` (${unit})`}`,
    ...(rows.length === 0 ? [] : alignedRows([HEAD, ...rows])),
    ...figures.map((figure) => `  ${figure.name}: ${shown(figure.value)} ${figure.unit}`),
    ...[yardstick, ours].flatMap((side) => outcomeLines(side)),
    ...targets.map(({ text, isMet }) => `  ${isMet ? "met" : "NOT MET"}: ${text}`),
    ...[...bottleneck, ...notes].map((note) => `  note: ${note}`),
  ].join("\n");
}

function sideCells(
  side: Side,
  { ratio, cpuRatio }: Pick<Result, "ratio" | "cpuRatio"> = {},
): readonly string[] {
  const { latencyMs } = side;
  return [
    side.name,
    shown(side.perSecond.median),
    spread(ratio),
    side.cpuMicrosPerOperation === undefined ? "-" : shown(side.cpuMicrosPerOperation.median),
    spread(cpuRatio),
    ...[latencyMs?.p50, latencyMs?.p99, latencyMs?.p999].map((ms) => shown(ms ?? Number.NaN)),
    shown(side.peakRssAnonMiB ?? Number.NaN),
    String(side.failures),
  ];
}

/** Only where something was not answered with 200. */
function outcomeLines(side: Side | undefined): readonly string[] {
  if (side === undefined || side.failures === 0) return [];
  const counts = Object.entries(side.outcomes).map(([key, count]) => `${key}: ${count}`);
  return [`  ${side.name}, what came: ${counts.join(", ")}`];
}

function spread(of: Spread | undefined): string {
  return of === undefined ? "-" : `${of.median.toFixed(2)} (${of.min.toFixed(2)}..${of.max.toFixed(2)})`;
}

function percent(share: number | undefined): string {
  return share === undefined ? "-" : `${Math.round(100 * share)} %`;
}

function alignedRows(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  return rows.map(
    (row) =>
      `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  ")}`,
  );
}
