/** Two things measured one after the other, again and again: what is compared are neighbours in time, on a machine that is never quiet. */

/** Of several figures: what to read, and how far apart they lay. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Pairs<T> {
  readonly yardstick: readonly T[];
  readonly ours: readonly T[];
}

/**
 * Runs both sides `rounds` times. Which comes first changes from pair to pair, so that a machine that gets slower favours neither.
 * @param signal - ends it between two runs.
 */
export async function alternate<T>(
  rounds: number,
  sides: { yardstick(round: number): Promise<T>; ours(round: number): Promise<T> },
  signal?: AbortSignal,
): Promise<Pairs<T>> {
  const yardstick: T[] = [];
  const ours: T[] = [];
  for (let round = 0; round < rounds; round += 1) {
    signal?.throwIfAborted();
    if (round % 2 === 0) yardstick.push(await sides.yardstick(round));
    ours.push(await sides.ours(round));
    signal?.throwIfAborted();
    if (round % 2 === 1) yardstick.push(await sides.yardstick(round));
  }
  return { yardstick, ours };
}

/** Of each pair ours / yardstick. */
export function ratioOf<T>({ yardstick, ours }: Pairs<T>, figure: (of: T) => number): Spread {
  return spreadOf(ours.map((own, at) => figure(own) / figure(yardstick[at]!)));
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** @returns NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
