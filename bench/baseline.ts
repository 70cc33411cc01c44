/** The ratios of a run against those that are kept: absolute figures are of a machine, ratios are of the code. */
import type { Result } from "./results.ts";

/** By result and kind of ratio. */
export type Baseline = Readonly<Record<string, number>>;

/**
 * A ratio may fall to this share of what is recorded. On a machine with two to seven times as much work as cores the medians of one
 * build came to 0.76 of the record for CPU, and to 0.41 for throughput: of that only a server that waits is told apart.
 */
export const LEAST_SHARES = { throughput: 0.3, CPU: 0.6 } as const;

export interface Regression {
  /** Of the result, and of the row it is of. */
  readonly name: string;
  readonly text: string;
}

/** @returns the ratios of throughput, and of CPU, which other work on the machine disturbs less. */
export function ratiosOf(results: readonly Result[]): Baseline {
  const ratios: Record<string, number> = {};
  for (const { name, ratio, cpuRatio } of results) {
    if (ratio !== undefined) ratios[`${name}, throughput`] = digits(ratio.median);
    if (cpuRatio !== undefined) ratios[`${name}, CPU`] = digits(cpuRatio.median);
  }
  return ratios;
}

/** @returns what fell too far, or is recorded and was not measured. */
export function regressions(now: Baseline, recorded: Baseline): readonly Regression[] {
  return Object.entries(recorded).flatMap(([key, was]) => {
    const name = rowOf(key);
    const kind = key.split(", ")[1];
    const is = now[key];
    const least = kind === "CPU" ? LEAST_SHARES.CPU : LEAST_SHARES.throughput;
    if (is === undefined) return [{ name, text: `${key}: recorded ${was}, and not measured` }];
    if (is >= was * least) return [];
    return [{ name, text: `${key}: ${is}, recorded ${was}; below ${least} of it` }];
  });
}

/** What is recorded of some rows. */
export function only(baseline: Baseline, rows: readonly string[]): Baseline {
  return Object.fromEntries(Object.entries(baseline).filter(([key]) => rows.includes(rowOf(key))));
}

export function without(baseline: Baseline, rows: readonly string[]): Baseline {
  return Object.fromEntries(Object.entries(baseline).filter(([key]) => !rows.includes(rowOf(key))));
}

/** What was held against the record, and of what there is none. */
export function judgedText(
  results: readonly Result[],
  { recorded, fallen }: { readonly recorded: Baseline; readonly fallen: readonly string[] },
): string {
  const rows = new Set(Object.keys(recorded).map(rowOf));
  const unjudged = results.map(({ name }) => name).filter((name) => !rows.has(name));
  return [
    ...(fallen.length === 0 && rows.size > 0 ? ["no ratio fell far below bench/baseline.json"] : []),
    ...(unjudged.length === 0
      ? []
      : [`no ratio of ${unjudged.join(", ")} is recorded: only failed requests are counted there`]),
  ].join("\n");
}

function rowOf(key: string): string {
  return key.split(", ")[0] ?? "";
}

/** What a share of requests without the answer they asked for says: the figures of such a result mean nothing. */
export function failuresOf(results: readonly Result[]): readonly string[] {
  return results.flatMap(({ name, yardstick, ours }) =>
    [yardstick, ours].flatMap((side) =>
      side !== undefined && side.failures > 0
        ? [`${name}: ${side.failures} requests to "${side.name}" failed`]
        : [],
    ),
  );
}

function digits(value: number): number {
  return Number(value.toPrecision(3));
}
