/**
 * `npm run bench:scale -- --data DIR --entries N,N,… [--rows] [--cold] [--rounds N] [--seconds N] [--json FILE] [--remove]`: fills a log of the
 * built server over HTTP, stops at each size and measures every row there. Begun again with the same DIR it goes on.
 * bench/scale/README.md says how to read it.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { shown, table } from "../figures.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { listOf, outputFile, positive, readOptions, whole } from "../options.ts";
import { spreadOf } from "../pairs.ts";
import { choosePinning } from "../pinning.ts";
import { publishedSize } from "../published-size.ts";
import { runScript } from "../script.ts";
import { startLog } from "../servers.ts";
import { assertRoom, type BuildProgress, build, openBuildFolder } from "./build.ts";
import { type ScaleRow, scaleRows } from "./rows.ts";
import { type DiskUse, diskUse, forgetFiles, measureStarts, type Starts, verifySome } from "./whole.ts";

const USAGE = `npm run build && npm run bench:scale -- --data DIR [options]

  --data DIR     where the log is filled: a new or empty folder, or one that this bench filled before
  --entries N,N  the sizes to stop at (default 1000000,20000000,100000000)
  --rows         measures every row at each size
  --cold         of a log that is filled already: with its files out of the system's memory at first
  --rounds N     of a row (default 5)
  --seconds N    of a round (default 5)
  --json FILE    the whole report
  --remove       at the end, what this bench made in DIR, and DIR itself when nothing else is in it
  --help
`;

const values = readOptions(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: "string" },
      entries: { type: "string", default: "1000000,20000000,100000000" },
      rows: { type: "boolean", default: false },
      cold: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      json: { type: "string" },
      remove: { type: "boolean", default: false },
    },
  });
  if (values.data === undefined) throw new Error("--data DIR is missing: a folder on the disk to measure");
  return {
    ...values,
    data: values.data,
    sizes: listOf("--entries", values.entries, whole),
    rounds: whole("--rounds", values.rounds),
    seconds: positive("--seconds", values.seconds),
    folder: openBuildFolder(values.data),
    json: outputFile("--json", values.json),
  };
});
const { folder, sizes, rounds, seconds } = values;
const pinning = choosePinning();
const HEAD = ["row", "per second", "CPU µs", "p50 ms", "p99 ms", "RssAnon MiB", "ratio", "beside", "limit"];

interface AtSize {
  readonly wantedSize: number;
  readonly treeSize: number;
  readonly filling: readonly BuildProgress[];
  readonly rows: readonly ScaleRow[];
  readonly disk: DiskUse;
  readonly starts: Starts;
}

const reached: AtSize[] = [];
/** Of the rows' loads: not those of an earlier run on the same log, whose entries would all be known. */
const firstSeed = Date.now() % 2 ** 31;
let seedsTaken = 0;
await runScript(async () => {
  const machine = describeMachine(pinning.text);
  for (const wantedSize of sizes) {
    reached.push(await reach(wantedSize));
    show(reached.at(-1)!);
    // Kept after each size: the last one takes hours.
    if (values.json !== undefined) keep(values.json, machine);
  }
  showFlatness();
  if (values.remove) folder.remove();
  return 0;
});

function nextSeed(): number {
  seedsTaken += 1;
  return firstSeed + seedsTaken;
}

/** Fills the log up to a size, and measures it there. */
async function reach(wantedSize: number): Promise<AtSize> {
  let filling: readonly BuildProgress[];
  let rows: readonly ScaleRow[] = [];
  let treeSize: number;
  if (values.cold) forgetFiles(folder.data);
  const log = await startLog({ data: folder.data, cores: pinning.server });
  try {
    const missing = Math.max(0, wantedSize - (await publishedSize(log.url)));
    if (missing > 0) assertRoom(values.data, missing);
    filling = await build(log.url, folder, wantedSize);
    await verifySome(log.url, 10);
    if (values.rows) {
      const { seed, built: count } = folder.state();
      rows = await scaleRows(log, { rounds, seconds, pinning, built: { seed, count }, nextSeed });
    }
    treeSize = await publishedSize(log.url);
  } finally {
    await log.stop();
  }
  const disk = await diskUse(folder.data);
  const starts = await measureStarts(folder.data, rounds, pinning.server);
  return { wantedSize, treeSize, filling, rows, disk, starts };
}

function show({ wantedSize, treeSize, rows, filling, disk, starts }: AtSize): void {
  const mean = (name: string): string => shown((disk.byName[name] ?? 0) / treeSize);
  const lines = [
    `\n${wantedSize.toLocaleString("en")} entries (${treeSize.toLocaleString("en")} after the rows)`,
    filling.length > 0
      ? `filled at ${shown(spreadOf(filling.map(({ perSecond }) => perSecond)).median)}/s`
      : "",
    `on disk, bytes an entry: ${shown(disk.totalBytes / treeSize)} (${shown(disk.usedPageBytes / treeSize)} in used pages of data.mdb; ${Object.keys(
      disk.byName,
    )
      .map((name) => `${name} ${mean(name)}`)
      .join(", ")}); targets: 325 without, 363 with the leaf index`,
    `start to the first answer, ms: ${starts.warmMs.map(shown).join(", ")} warm; ${starts.coldMs.map(shown).join(", ")} with the files out of memory; target: 1,000`,
  ];
  process.stdout.write(`${lines.filter((line) => line !== "").join("\n")}\n`);
  if (rows.length > 0) process.stdout.write(`\n${table([HEAD, ...rows.map(cellsOf)])}\n`);
}

function cellsOf(row: ScaleRow): readonly string[] {
  const { ratio } = row;
  return [
    `${row.name} (${row.unit})`,
    `${shown(row.perSecond.median)} (${shown(row.perSecond.min)} to ${shown(row.perSecond.max)})`,
    ...[row.cpuMicros, row.p50Ms, row.p99Ms, row.rssAnonMiB].map(shown),
    ratio === undefined ? "-" : `${shown(ratio.median)} (${shown(ratio.min)} to ${shown(ratio.max)})`,
    row.yardstick ?? "-",
    row.wasGeneratorBottleneck ? "generator" : "server",
  ];
}

/** Each row's rate and CPU at every size, by those at the first. */
function showFlatness(): void {
  const [first, ...others] = reached;
  if (first === undefined || others.length === 0 || first.rows.length === 0) return;
  const at = (rows: readonly ScaleRow[], name: string): ScaleRow | undefined =>
    rows.find((row) => row.name === name);
  const lines = first.rows.map((row) => [
    row.name,
    ...others.map(({ rows }) => {
      const other = at(rows, row.name);
      if (other === undefined) return "-";
      return `${shown(other.perSecond.median / row.perSecond.median)}, CPU ${shown(other.cpuMicros / row.cpuMicros)}`;
    }),
  ]);
  const head = [
    `by the rate at ${shown(first.wantedSize)}`,
    ...others.map(({ wantedSize }) => shown(wantedSize)),
  ];
  process.stdout.write(`\n${table([head, ...lines])}\n`);
}

/** After each size, with the data of the plot "throughput against size". */
function keep(file: string, machine: Machine): void {
  const lines = reached[0]?.rows.map(({ name }) => ({
    name,
    points: reached.flatMap(({ rows }) =>
      rows.filter((row) => row.name === name).map((row) => [row.treeSize, row.perSecond.median]),
    ),
  }));
  const filling = reached.flatMap((at) => at.filling.map(({ treeSize, perSecond }) => [treeSize, perSecond]));
  const report = {
    machine,
    rounds,
    seconds,
    seeds: { built: folder.state().seed, rowsAfter: firstSeed },
    reached,
    plot: { x: "entries", y: "per second", lines, filling },
  };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
