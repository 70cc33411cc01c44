/** `POST /add` of two logs under our own generator: a closed loop, and the same offered loads. */

import { type FigureRow, figureRows } from "../figures.ts";
import { Histogram } from "../load/histogram.ts";
import type { LoadPlan } from "../load/plan.ts";
import { type Measured, measureLoad } from "../measure-load.ts";
import { alternate } from "../pairs.ts";
import type { Pinning } from "../pinning.ts";
import { startOwnLog, startTessera } from "./servers.ts";

export interface LoadRowsPlan {
  readonly folder: string;
  /** Connections of the closed loops. */
  readonly connections: readonly number[];
  /** Entries a second of the open loops, Poisson, on 1,024 connections. */
  readonly offered: readonly number[];
  readonly pairs: number;
  readonly seconds: number;
  readonly pinning: Pinning;
  readonly antispam: boolean;
}

export interface LoadRow {
  readonly title: string;
  readonly yardstick: string;
  readonly figures: readonly FigureRow[];
}

const OPEN_CONNECTIONS = 1024;
/** As many as the hammer's, of the last 10,000. */
const ENTRIES = { sizes: { kind: "fixed", bytes: 256 }, duplicateShare: 0.1 } as const;

const FIGURES = {
  "answers/s": {
    of: ({ operationsPerSecond }: Measured) => operationsPerSecond,
    target: ">= 5 (closed loop)",
  },
  "p50, ms": { of: percentileMs(0.5), target: "<= 0.1" },
  "p99, ms": { of: percentileMs(0.99) },
  "CPU, µs an answer": {
    of: ({ cpuMicrosPerOperation }: Measured) => cpuMicrosPerOperation ?? Number.NaN,
    target: "<= 0.333",
  },
  "RssAnon, most, MiB": {
    of: ({ peakRssAnonMiB }: Measured) => peakRssAnonMiB ?? Number.NaN,
    target: "<= 0.333",
  },
  "not answered with an index, %": { of: failedShare },
};

export async function loadRows(plan: LoadRowsPlan): Promise<readonly LoadRow[]> {
  const { folder, pinning } = plan;
  const tessera = await startTessera({ folder, cores: pinning.server, antispam: plan.antispam });
  try {
    const own = await startOwnLog({ folder, cores: pinning.server });
    try {
      const rows: LoadRow[] = [];
      let seed = 1;
      for (const { title, load } of shapes(plan)) {
        const run = (server: typeof own): Promise<Measured> =>
          measureLoad(server, { ...load, seed: seed++ }, { cores: pinning.generator });
        const pairs = await alternate(plan.pairs, { yardstick: () => run(tessera), ours: () => run(own) });
        const figures = figureRows(pairs, FIGURES);
        rows.push({ title: `POST /add, ${title}, beside ${tessera.name}`, yardstick: tessera.name, figures });
      }
      return rows;
    } finally {
      await own.stop();
    }
  } finally {
    await tessera.stop();
  }
}

interface Shape {
  readonly title: string;
  readonly load: Omit<LoadPlan, "url" | "seed">;
}

function shapes({ connections, offered, seconds }: LoadRowsPlan): readonly Shape[] {
  const common = {
    request: { kind: "add", entries: ENTRIES },
    warmupMs: 3_000,
    durationMs: seconds * 1000,
  } as const;
  return [
    ...connections.map((count) => ({
      title: `closed loop of ${count}`,
      load: { ...common, connections: count, shape: { kind: "closed" } as const },
    })),
    ...offered.map((perSecond) => ({
      title: `${perSecond} offered a second`,
      load: {
        ...common,
        connections: OPEN_CONNECTIONS,
        shape: { kind: "open", perSecond, arrivals: "poisson" } as const,
      },
    })),
  ];
}

function percentileMs(share: number): (measured: Measured) => number {
  return ({ latency }) => Histogram.from(latency).percentile(share) / 1000;
}

function failedShare({ due, succeeded }: Measured): number {
  return ((due - succeeded) * 100) / due;
}
