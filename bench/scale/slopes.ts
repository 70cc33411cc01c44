/** Whether something grows while it should not. */
import { median } from "../pairs.ts";

export interface Sample {
  readonly atSeconds: number;
  readonly value: number;
}

/** The line through samples, least squares. @returns by how much the value grows in a minute; 0 of fewer than two. */
export function slopePerMinute(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  if (samples.length < 2) return 0;
  const [at, value] = [mean(({ atSeconds }) => atSeconds), mean((sample) => sample.value)];
  const squares = samples.reduce((sum, { atSeconds }) => sum + (atSeconds - at) ** 2, 0);
  const products = samples.reduce((sum, sample) => sum + (sample.atSeconds - at) * (sample.value - value), 0);
  return squares === 0 ? 0 : (products / squares) * 60;
}

/** The median of the last third by that of the first: how far something drifted. NaN of fewer than three. */
export function drift(samples: readonly Sample[]): number {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return Number.NaN;
  const medianOf = (some: readonly Sample[]): number => median(some.map(({ value }) => value));
  return medianOf(samples.slice(-third)) / medianOf(samples.slice(0, third));
}

/** Less tells nothing: caches fill, code is compiled, and the memory that C's malloc keeps finds its size, for minutes. */
const VERDICT_SECONDS = 600;
const VERDICT_SAMPLES = 9;

/** Whether a run was long enough to be judged by its drift. */
export function isLongEnough(samples: readonly { readonly atSeconds: number }[]): boolean {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || samples.length < VERDICT_SAMPLES) return false;
  return last.atSeconds - first.atSeconds >= VERDICT_SECONDS;
}
