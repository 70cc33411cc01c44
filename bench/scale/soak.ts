/**
 * `npm run bench:soak -- [--minutes 30] [--load 0.7] [--data DIR] [--json FILE]`: how much of each request the built log takes, then a mix
 * of them at a share of that for a long time, a line every ten seconds; at the end whether memory or latency grew.
 * bench/scale/README.md says how to read it.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { shown, table } from "../figures.ts";
import { Histogram } from "../load/histogram.ts";
import { load } from "../load/load.ts";
import type { LoadReport, RequestPlan } from "../load/plan.ts";
import { describeMachine } from "../machine.ts";
import { outputFile, positive, readOptions } from "../options.ts";
import { choosePinning, hasCommand } from "../pinning.ts";
import { processUse } from "../process-use.ts";
import { publishedSize } from "../published-size.ts";
import { runScript } from "../script.ts";
import { type BenchLog, startLog } from "../servers.ts";
import { drift, isLongEnough, slopePerMinute } from "./slopes.ts";

const USAGE = `npm run build && npm run bench:soak -- [options]

  --minutes N  how long (default 30)
  --load N     share of the server's time that the mix takes, above 0 and below 1 (default 0.7)
  --seconds N  of each line (default 10)
  --data DIR   a data directory that stays; else a new one that goes
  --json FILE  the whole report
  --help
`;

const { minutes, share, lineSeconds, ...values } = readOptions(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: "string", default: "30" },
      load: { type: "string", default: "0.7" },
      data: { type: "string" },
      json: { type: "string" },
      seconds: { type: "string", default: "10" },
    },
  });
  const share = positive("--load", values.load);
  if (share >= 1) throw new RangeError(`--load: want a share below 1, got "${values.load}"`);
  const minutes = positive("--minutes", values.minutes);
  const lineSeconds = positive("--seconds", values.seconds);
  return { minutes, share, lineSeconds, data: values.data, json: outputFile("--json", values.json) };
});
const ENTRIES = { sizes: { kind: "mixed" }, duplicateShare: 0.05 } as const;
const CONNECTIONS = 64;
/** Each kind's part of the server's time. */
const MIX: readonly {
  readonly name: string;
  readonly part: number;
  readonly request: (treeSize: number) => RequestPlan;
}[] = [
  { name: "add", part: 0.4, request: () => ({ kind: "add", entries: ENTRIES }) },
  { name: "batch", part: 0.15, request: () => ({ kind: "add-batch", entries: ENTRIES, batchEntries: 64 }) },
  { name: "tile", part: 0.15, request: (treeSize) => ({ kind: "get", what: "tile", treeSize }) },
  { name: "proof", part: 0.15, request: (treeSize) => ({ kind: "get", what: "inclusion-proof", treeSize }) },
  { name: "receipt", part: 0.15, request: (treeSize) => ({ kind: "get", what: "receipt", treeSize }) },
];

/** Of the rates, before the run. */
const TRIALS = 3;

interface Line {
  readonly atSeconds: number;
  readonly treeSize: number;
  readonly perSecond: number;
  readonly failed: number;
  /** Of adds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of all requests but batches. */
  readonly allP99Ms: number;
  readonly rssAnonMiB: number;
  readonly cpuShare: number;
  readonly files: number;
  readonly diskMB: number;
}

const pinning = choosePinning();
// This process is the generator: one for each line would take the machine's time to start.
if (pinning.generator !== undefined && hasCommand("taskset")) {
  execFileSync("taskset", ["-a", "-p", "-c", pinning.generator, String(process.pid)], { stdio: "ignore" });
}
const firstSeed = Date.now() % 2 ** 30;
let seed = firstSeed;

await runScript(async () => {
  const log = await startLog({ cores: pinning.server, data: values.data });
  try {
    await soak(log);
    return 0;
  } finally {
    await log.stop();
  }
});

async function soak(log: BenchLog): Promise<void> {
  // For proofs and tiles there has to be something.
  await oneLoad(log.url, { kind: "add-batch", entries: ENTRIES, batchEntries: 1024 });
  const capacities: number[] = [];
  for (const { name, request } of MIX) {
    const report = await oneLoad(log.url, request(await publishedSize(log.url)));
    capacities.push(requestsPerSecond(report));
    process.stdout.write(`capacity, ${name}: ${shown(capacities.at(-1)!)} requests/s\n`);
  }
  const rates = await atShare(
    log,
    MIX.map(({ part }, at) => share * part * capacities[at]!),
  );
  process.stdout.write(
    `offered: ${MIX.map(({ name }, at) => `${name} ${shown(rates[at]!)}/s`).join(", ")}\n\n`,
  );
  const lines: Line[] = [];
  const startedAt = performance.now();
  while (performance.now() - startedAt < minutes * 60_000) {
    lines.push(await measureLine(log, rates, startedAt));
    show(lines);
  }
  conclude(lines, { capacities, rates });
}

/**
 * Kinds of requests that come together cost more than each by itself, since fewer adds share a commit: a server with a core of its own is
 * given less until its core is busy for the share that was asked for.
 */
async function atShare(log: BenchLog, wanted: readonly number[]): Promise<readonly number[]> {
  let rates = wanted;
  if (pinning.server === undefined) return rates;
  for (let trial = 1; trial <= TRIALS; trial++) {
    const { cpuShare } = await measureLine(log, rates, performance.now());
    process.stdout.write(`tried: the server busy for ${shown(cpuShare)} of the time\n`);
    rates = rates.map((rate) => (rate * share) / cpuShare);
  }
  return rates;
}

/** @param perSecond - undefined: a closed loop. */
async function oneLoad(url: string, request: RequestPlan, perSecond?: number): Promise<LoadReport> {
  seed += 1;
  const shape =
    perSecond === undefined
      ? ({ kind: "closed" } as const)
      : ({ kind: "open", perSecond, arrivals: "poisson" } as const);
  const plan = {
    url,
    seed,
    connections: CONNECTIONS,
    shape,
    request,
    warmupMs: 0,
    durationMs: lineSeconds * 1000,
  };
  return await load(plan, { windowBegan: () => {}, windowEnded: () => {} });
}

function requestsPerSecond({ succeeded, windowMs }: LoadReport): number {
  return (succeeded * 1000) / windowMs;
}

async function measureLine(server: BenchLog, rates: readonly number[], startedAt: number): Promise<Line> {
  const treeSize = await publishedSize(server.url);
  const before = { cpuMs: processUse(server.pid)?.cpuMs ?? Number.NaN, at: performance.now() };
  const reports = await Promise.all(
    MIX.map(({ request }, at) => oneLoad(server.url, request(treeSize), rates[at])),
  );
  const use = processUse(server.pid);
  const others = new Histogram();
  for (const [at, { latency }] of reports.entries()) if (MIX[at]?.name !== "batch") others.merge(latency);
  const adds = Histogram.from(reports[0]!.latency);
  const { files, bytes } = filesIn(server.data);
  return {
    atSeconds: (performance.now() - startedAt) / 1000,
    treeSize,
    perSecond: reports.reduce((sum, report) => sum + requestsPerSecond(report), 0),
    failed: reports.reduce((sum, { due, succeeded }) => sum + due - succeeded, 0),
    p50Ms: adds.percentile(0.5) / 1000,
    p99Ms: adds.percentile(0.99) / 1000,
    allP99Ms: others.percentile(0.99) / 1000,
    rssAnonMiB: use?.rssAnonMiB ?? Number.NaN,
    cpuShare: ((use?.cpuMs ?? Number.NaN) - before.cpuMs) / (performance.now() - before.at),
    files,
    diskMB: bytes / 1e6,
  };
}

function filesIn(folder: string): { readonly files: number; readonly bytes: number } {
  let [files, bytes] = [0, 0];
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    // Files of the leaf index come and go.
    const file = lstatSync(join(folder, path), { throwIfNoEntry: false });
    if (file?.isFile() !== true) continue;
    files += 1;
    bytes += file.blocks * 512;
  }
  return { files, bytes };
}

function show(lines: readonly Line[]): void {
  if (lines.length === 1)
    process.stdout.write(
      "      s    entries  req/s  add p50   p99  all p99  RssAnon   CPU files disk MB failed\n",
    );
  const line = lines.at(-1)!;
  const cells: readonly (readonly [string | number, number])[] = [
    [line.atSeconds.toFixed(0), 7],
    [line.treeSize, 10],
    [line.perSecond.toFixed(0), 6],
    [line.p50Ms.toFixed(2), 8],
    [line.p99Ms.toFixed(1), 5],
    [line.allP99Ms.toFixed(1), 8],
    [line.rssAnonMiB.toFixed(1), 8],
    [line.cpuShare.toFixed(2), 5],
    [line.files, 5],
    [line.diskMB.toFixed(0), 7],
    [line.failed, 6],
  ];
  process.stdout.write(`${cells.map(([text, width]) => String(text).padStart(width)).join(" ")}\n`);
}

/** The first tenth is warming up: caches fill, code is compiled. */
function conclude(
  lines: readonly Line[],
  run: { readonly capacities: readonly number[]; readonly rates: readonly number[] },
): void {
  const settled = lines.slice(Math.floor(lines.length / 10));
  const samples = (of: (line: Line) => number) =>
    settled.map((line) => ({ atSeconds: line.atSeconds, value: of(line) }));
  const memory = samples(({ rssAnonMiB }) => rssAnonMiB);
  const hours = 60;
  const verdicts = {
    "RssAnon, MiB a minute": slopePerMinute(memory),
    "RssAnon, MiB, projected over an hour": slopePerMinute(memory) * hours,
    "RssAnon, last third by the first": drift(memory),
    "add p50, last third by the first": drift(samples(({ p50Ms }) => p50Ms)),
    "add p99, last third by the first": drift(samples(({ p99Ms }) => p99Ms)),
    "all p99, last third by the first": drift(samples(({ allP99Ms }) => allP99Ms)),
    "requests failed": lines.reduce((sum, { failed }) => sum + failed, 0),
  };
  const isFlat = verdicts["RssAnon, last third by the first"] <= 1.05;
  const isSteady =
    verdicts["add p99, last third by the first"] <= 1.2 &&
    verdicts["add p50, last third by the first"] <= 1.2;
  const rows = Object.entries(verdicts).map(([name, value]) => [name, shown(value)]);
  process.stdout.write(`\n${table([["over the run", ""], ...rows])}\n`);
  const isJudged = isLongEnough(settled);
  const verdict = `memory ${isFlat ? "flat" : "GROWS"}; latency ${isSteady ? "does not drift" : "DRIFTS"}`;
  process.stdout.write(`${isJudged ? verdict : "too short for a verdict: want some 12 minutes"}\n`);
  const report = {
    machine: describeMachine(pinning.text),
    seed: firstSeed,
    share,
    ...run,
    verdicts,
    ...(isJudged && { isFlat, isSteady }),
    lines,
  };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
