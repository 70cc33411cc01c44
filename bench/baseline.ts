/** The ratios of a run against those that are kept: absolute figures are of a machine, ratios are of the code. */
import type { Result } from "./results.ts";

/** By result and kind of ratio. */
export type Baseline = Readonly<Record<string, number>>;

/**
 * A ratio may fall to this share of what is recorded: on a machine with other work the same code gave 0.6 to 1.6 of it.
 * A server whose requests cost twice the CPU is beyond it.
 */
export const LEAST_SHARE = 0.5;

/** @returns the ratios of throughput, and of CPU, which other work on the machine disturbs less. */
export function ratiosOf(results: readonly Result[]): Baseline {
  const ratios: Record<string, number> = {};
  for (const { name, ratio, cpuRatio } of results) {
    if (ratio !== undefined) ratios[`${name}, throughput`] = digits(ratio.median);
    if (cpuRatio !== undefined) ratios[`${name}, CPU`] = digits(cpuRatio.median);
  }
  return ratios;
}

/** @returns a line for each ratio that fell too far, or that is recorded and was not measured. */
export function regressions(now: Baseline, recorded: Baseline): readonly string[] {
  return Object.entries(recorded).flatMap(([name, was]) => {
    const is = now[name];
    if (is === undefined) return [`${name}: recorded ${was}, and not measured`];
    if (is >= was * LEAST_SHARE) return [];
    return [`${name}: ${is}, recorded ${was}; below ${LEAST_SHARE} of it`];
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
