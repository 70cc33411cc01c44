import { median, type Spread, spreadOf } from "./pairs.ts";

/** What every measurement reports. */
export interface Result {
  readonly name: string;
  /** Operations per second, the median over the rounds. */
  readonly perSecond: number;
  /** Against the yardstick of the same section, the median over pairs measured one after the other. */
  readonly ratio: number | undefined;
  /** Of the pairs, with the least and the most. */
  readonly ratios: Spread | undefined;
  /** Milliseconds, the median over the rounds; undefined where single operations are not timed. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/** One round of one measurement. */
export interface Round {
  readonly perSecond: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/**
 * Runs a yardstick and measurements alternately, so that each ratio compares neighbours in time on a noisy machine.
 * @param candidates - the first is the yardstick.
 */
export async function compare(
  candidates: readonly { readonly name: string; readonly run: () => Promise<Round> }[],
  rounds: number,
): Promise<readonly Result[]> {
  const seen = candidates.map((): Round[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, candidate] of candidates.entries()) {
      process.stderr.write(`  ${candidate.name} (${round + 1}/${rounds})\n`);
      seen[index]!.push(await candidate.run());
    }
  }
  return candidates.map(({ name }, index) => {
    const own = seen[index]!;
    const ratios = own.map((round, at) => round.perSecond / seen[0]![at]!.perSecond);
    return {
      name,
      perSecond: median(own.map((round) => round.perSecond)),
      ratio: index === 0 ? undefined : median(ratios),
      ratios: index === 0 ? undefined : spreadOf(ratios),
      p50Ms: medianOf(own, "p50Ms"),
      p99Ms: medianOf(own, "p99Ms"),
    };
  });
}

/** Calls `operation` for `durationMs`, in slices, and counts. */
export async function perSecond(operation: () => unknown, durationMs: number): Promise<Round> {
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < durationMs) {
    await operation();
    count += 1;
  }
  return { perSecond: (count * 1000) / (performance.now() - startedAt) };
}

function medianOf(rounds: readonly Round[], field: "p50Ms" | "p99Ms"): number | undefined {
  const values = rounds.flatMap((round) => round[field] ?? []);
  return values.length === 0 ? undefined : median(values);
}
