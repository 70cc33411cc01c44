/**
 * `npm run bench:slow-disk [-- --short] [--delays 2,10] [--json FILE]`: the built log with a preloaded library that delays what makes
 * data durable, beside the same on the disk as it is, in turn. Needs Linux and cc. bench/scale/README.md says how to read it.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FigureRow, figureRows, figureTable } from "../figures.ts";
import { FIXED_256 } from "../load/entries.ts";
import { Histogram } from "../load/histogram.ts";
import type { LoadPlan } from "../load/plan.ts";
import { describeMachine } from "../machine.ts";
import { type Measured, measureLoad } from "../measure-load.ts";
import { listOf, outputFile, positive, readOptions, whole } from "../options.ts";
import { alternate } from "../pairs.ts";
import { choosePinning, hasCommand } from "../pinning.ts";
import { newFolder, runScript } from "../script.ts";
import { type BenchServer, startLog } from "../servers.ts";

const USAGE = `npm run build && npm run bench:slow-disk [-- options]

  --short       one round of two seconds
  --delays N,N  milliseconds (default 2,10)
  --rounds N    of each load (default 5)
  --seconds N   of a round (default 10)
  --json FILE   the whole report
  --help
`;

const values = readOptions(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: "boolean", default: false },
      delays: { type: "string", default: "2,10" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "string" },
    },
  });
  const delays = listOf("--delays", values.delays, positive);
  return {
    delays,
    rounds: whole("--rounds", values.rounds ?? (values.short ? "1" : "5")),
    seconds: positive("--seconds", values.seconds ?? (values.short ? "2" : "10")),
    json: outputFile("--json", values.json),
  };
});
const { rounds, seconds } = values;
const SHIM = join(import.meta.dirname, "../../test/store/sync-shim.c");
const pinning = choosePinning();
let seed = 0;

interface Section {
  readonly title: string;
  readonly figures: readonly FigureRow[];
}

await runScript(async () => {
  if (process.platform !== "linux" || !hasCommand("cc")) {
    process.stdout.write("slow disks: skipped, no cc or no Linux to preload a library\n");
    return 0;
  }
  const library = join(newFolder(), "sync-shim.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, SHIM, "-ldl"]);
  const sections: Section[] = [];
  for (const delayMs of values.delays) {
    for (const isMetaSlow of [false, true])
      sections.push(...(await slowDisk(library, { delayMs, isMetaSlow })));
  }
  const report = { machine: describeMachine(pinning.text), sections };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return 0;
});

interface Slowness {
  readonly delayMs: number;
  /** Writes with O_DSYNC, LMDB's head, wait as long: a commit then waits for the disk twice. */
  readonly isMetaSlow: boolean;
}

async function slowDisk(library: string, slowness: Slowness): Promise<readonly Section[]> {
  const { delayMs, isMetaSlow } = slowness;
  const what = `fdatasync, fsync, msync${isMetaSlow ? " and O_DSYNC writes" : ""} +${delayMs} ms`;
  const delay = String(delayMs * 1000);
  const env = { LD_PRELOAD: library, SYNC_DELAY_DATA: delay, ...(isMetaSlow && { SYNC_DELAY_META: delay }) };
  const cores = pinning.server;
  const fast = await startLog({ cores });
  try {
    const slow = await startLog({ cores, env });
    try {
      const sections: Section[] = [];
      for (const { title, plan, target } of loads({ delayMs, isMetaSlow })) {
        const pairs = await alternate(rounds, {
          yardstick: () => measure(fast, plan),
          ours: () => measure(slow, plan),
        });
        const figures = figureRows(pairs, {
          "a second": {
            of: ({ operationsPerSecond }) => operationsPerSecond,
            ...(target !== undefined && { target }),
          },
          "p50, ms": { of: percentileMs(0.5) },
          "p99, ms": { of: percentileMs(0.99) },
          "CPU, µs": { of: ({ cpuMicrosPerOperation }) => cpuMicrosPerOperation ?? Number.NaN },
        });
        sections.push({ title: `${title}, ${what}`, figures });
        const names = { yardstick: "the disk as it is", ours: `+${delayMs} ms` };
        process.stdout.write(`\n${title}, ${what}\n\n${figureTable(figures, names)}\n`);
      }
      return sections;
    } finally {
      await slow.stop();
    }
  } finally {
    await fast.stop();
  }
}

interface Load {
  readonly title: string;
  readonly plan: Pick<LoadPlan, "request" | "connections" | "shape">;
  readonly target?: string;
}

function loads({ delayMs, isMetaSlow }: Slowness): readonly Load[] {
  const add = { kind: "add", entries: FIXED_256 } as const;
  const isTarget = delayMs === 10 && !isMetaSlow;
  const closed = { kind: "closed" } as const;
  return [
    { title: "POST /add, 64 connections", plan: { request: add, connections: 64, shape: closed } },
    {
      title: "POST /add, 512 connections",
      plan: { request: add, connections: 512, shape: closed },
      ...(isTarget && { target: ">= 0.45" }),
    },
    {
      title: "add to receipt, one at a time with pauses of 150 ms",
      plan: {
        request: { kind: "add-receipt", entries: FIXED_256, waitSeconds: 10 },
        connections: 1,
        shape: { kind: "closed", pauseMs: 150 },
      },
    },
  ];
}

async function measure(server: BenchServer, plan: Load["plan"]): Promise<Measured> {
  seed += 1;
  const times = { warmupMs: Math.min(2_000, seconds * 500), durationMs: seconds * 1000 };
  return await measureLoad(server, { ...plan, ...times, seed }, { cores: pinning.generator });
}

function percentileMs(share: number): (measured: Measured) => number {
  return ({ latency }) => Histogram.from(latency).percentile(share) / 1000;
}
