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
    const [name = "", kind] = key.split(", ");
    const is = now[key];
    const least = kind === "CPU" ? LEAST_SHARES.CPU : LEAST_SHARES.throughput;
    if (is === undefined) return [{ name, text: `${key}: recorded ${was}, and not measured` }];
    if (is >= was * least) return [];
    return [{ name, text: `${key}: ${is}, recorded ${was}; below ${least} of it` }];
  });
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
