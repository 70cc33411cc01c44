/** What rows report: figures of two sides and their ratio, and single figures. The JSON of a run is of these. */
import { shown } from "./figures.ts";
import { Histogram } from "./load/histogram.ts";
import type { Machine } from "./machine.ts";
import type { Measured } from "./measure-load.ts";
import { type Pairs, ratioOf, type Spread, spreadOf } from "./pairs.ts";

export interface Report {
  readonly machine: Machine;
  readonly scale: { readonly rounds: number; readonly seconds: number; readonly isShort: boolean };
  /** Entries follow from it. */
  readonly seed: number;
  readonly results: readonly Result[];
}

export interface Result {
  /** The row's name, as --row takes it, and what sets this result apart in it: "batch/1024". */
  readonly name: string;
  /** What was done, with connections and sizes. */
  readonly title: string;
  readonly unit: "requests" | "entries" | "operations";
  /** Absent where nothing is compared. */
  readonly yardstick?: Side;
  readonly ours?: Side;
  /** Ours / yardstick, operations a second. */
  readonly ratio?: Spread;
  /** Yardstick's CPU of an operation / ours: what the ratio would be were CPU the only limit. */
  readonly cpuRatio?: Spread;
  readonly figures?: readonly Figure[];
  readonly targets?: readonly Target[];
  readonly curve?: Curve;
  readonly notes?: readonly string[];
}

/** What one side did, over all rounds. */
export interface Side {
  readonly name: string;
  readonly perSecond: Spread;
  readonly cpuMicrosPerOperation: Spread | undefined;
  readonly peakRssAnonMiB: number | undefined;
  readonly latencyMs: Latency | undefined;
  /** "200": 12, "ECONNRESET": 1. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failures: number;
  /** The largest of any round; undefined without a generator. */
  readonly generatorCpuShare: number | undefined;
  readonly wasGeneratorBottleneck: boolean;
}

export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export interface Target {
  readonly text: string;
  readonly isMet: boolean;
}

/** For a plot. */
export interface Curve {
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}

export interface Axis {
  readonly label: string;
  readonly isLogarithmic: boolean;
}

/** A side from rounds of load. */
export function sideOf(name: string, rounds: readonly Measured[]): Side {
  const latency = new Histogram();
  const outcomes: Record<string, number> = {};
  for (const round of rounds) {
    latency.merge(round.latency);
    for (const [key, count] of [...Object.entries(round.statuses), ...Object.entries(round.errors)]) {
      outcomes[key] = (outcomes[key] ?? 0) + count;
    }
  }
  const cpu = rounds.flatMap(({ cpuMicrosPerOperation }) => cpuMicrosPerOperation ?? []);
  const memory = rounds.flatMap(({ peakRssAnonMiB }) => peakRssAnonMiB ?? []);
  return {
    name,
    perSecond: spreadOf(rounds.map(({ operationsPerSecond }) => operationsPerSecond)),
    cpuMicrosPerOperation: cpu.length === 0 ? undefined : spreadOf(cpu),
    peakRssAnonMiB: memory.length === 0 ? undefined : Math.max(...memory),
    latencyMs: latencyOf(latency),
    outcomes,
    failures: rounds.reduce((sum, { due, succeeded }) => sum + due - succeeded, 0),
    generatorCpuShare: Math.max(...rounds.map(({ generator }) => generator.cpuShare)),
    wasGeneratorBottleneck: rounds.some(({ generator }) => generator.wasBottleneck),
  };
}

/** A side that is not driven by our generator, of which only a rate is known. */
export function unloadedSide(name: string, perSecond: Spread): Side {
  return {
    name,
    perSecond,
    cpuMicrosPerOperation: undefined,
    peakRssAnonMiB: undefined,
    latencyMs: undefined,
    outcomes: {},
    failures: 0,
    generatorCpuShare: undefined,
    wasGeneratorBottleneck: false,
  };
}

/** Both sides and their ratios from pairs of rounds of load. */
export function compared(
  names: { readonly yardstick: string; readonly ours: string },
  pairs: Pairs<Measured>,
): Required<Pick<Result, "yardstick" | "ours" | "ratio">> & Pick<Result, "cpuRatio"> {
  const cpuOf = ({ cpuMicrosPerOperation }: Measured): number => cpuMicrosPerOperation ?? Number.NaN;
  const cpuRatio = ratioOf({ yardstick: pairs.ours, ours: pairs.yardstick }, cpuOf);
  return {
    yardstick: sideOf(names.yardstick, pairs.yardstick),
    ours: sideOf(names.ours, pairs.ours),
    ratio: ratioOf(pairs, ({ operationsPerSecond }) => operationsPerSecond),
    ...(Number.isFinite(cpuRatio.median) && { cpuRatio }),
  };
}

function latencyOf(histogram: Histogram): Latency | undefined {
  if (histogram.count === 0) return undefined;
  const at = (share: number): number => histogram.percentile(share) / 1000;
  return {
    count: histogram.count,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: histogram.maxMicros / 1000,
  };
}

/** @param text - what is wanted, with its figure. */
export function atLeast(wanted: number, got: number, text: string): Target {
  return { text: `${text} at least ${wanted}, got ${shown(got)}`, isMet: got >= wanted };
}

export function atMost(wanted: number, got: number, text: string): Target {
  return { text: `${text} at most ${wanted}, got ${shown(got)}`, isMet: got <= wanted };
}
