import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { publishedSize } from "../fill.ts";
import type { Measured } from "../measure-load.ts";
import { alternate, type Pairs, ratioOf, spreadOf } from "../pairs.ts";
import { pinned } from "../pinning.ts";
import { atLeast, type Result, type Side, sideOf } from "../results.ts";
import { COMPARABLE, type Context, drive, type Row, withServers } from "../row.ts";
import { startLog } from "../servers.ts";

const ENTRY_BYTES = 256;
/** So that a batch is on its way while another is made durable. */
const CONNECTIONS = 4;

/** What a thread does that only builds the tree. */
interface TreeRun {
  readonly perSecond: number;
  readonly cpuMicrosPerOperation: number;
}

interface Batches {
  readonly batchEntries: number;
  readonly duplicates: "first" | "allow";
}

/** `POST /add-batch`, against the building of the same tree in memory. */
export const batchRows: readonly Row[] = [
  batchRow({ batchEntries: 1024, duplicates: "first" }),
  batchRow({ batchEntries: 8192, duplicates: "first" }),
  batchRow({ batchEntries: 8192, duplicates: "allow" }),
];

function batchRow(batches: Batches): Row {
  const { batchEntries, duplicates } = batches;
  const name = `batch-${batchEntries}${duplicates === "allow" ? "-allow" : ""}`;
  return {
    name,
    about: `POST /add-batch of ${batchEntries.toLocaleString("en")} entries, duplicates ${duplicates}, against building the tree`,
    isShort: batchEntries === 1024,
    run: (context) => addBatches(context, name, batches),
  };
}

async function addBatches(
  context: Context,
  name: string,
  { batchEntries, duplicates }: Batches,
): Promise<readonly Result[]> {
  const { server } = context.pinning;
  const flags = ["--duplicates", duplicates];
  return await withServers([() => startLog({ cores: server, flags })], async (log) => {
    const sizes: number[] = [];
    const request = { kind: "add-batch", entries: COMPARABLE, batchEntries } as const;
    const pairs = await alternate<TreeRun | Measured>(
      context.rounds,
      {
        yardstick: () => buildTree(context, batchEntries),
        async ours(round) {
          sizes.push(await publishedSize(log!.url));
          const measured = await drive(context, log!, { request, connections: CONNECTIONS });
          context.say(
            `pair ${round + 1}: ${Math.round(measured.operationsPerSecond).toLocaleString("en")} entries/s`,
          );
          return measured;
        },
      },
      context.signal,
    );
    return [resultOf(name, { batchEntries, duplicates }, sizes, pairs)];
  });
}

function resultOf(
  name: string,
  { batchEntries, duplicates }: Batches,
  sizes: readonly number[],
  pairs: Pairs<TreeRun | Measured>,
): Result {
  const rates = (runs: readonly (TreeRun | Measured)[]): readonly number[] => runs.map(rateOf);
  const yardstick: Side = {
    name: "the tree built in memory, one thread",
    perSecond: spreadOf(rates(pairs.yardstick)),
    cpuMicrosPerOperation: spreadOf(pairs.yardstick.map(cpuOf)),
    peakRssAnonMiB: undefined,
    latencyMs: undefined,
    outcomes: {},
    failures: 0,
    generatorCpuShare: undefined,
    wasGeneratorBottleneck: false,
  };
  const ratio = ratioOf(pairs, rateOf);
  const points = rates(pairs.ours).map((rate, at) => [sizes[at] ?? 0, rate] as const);
  return {
    name,
    title: `POST /add-batch, ${batchEntries.toLocaleString("en")} entries of ${ENTRY_BYTES} bytes, duplicates ${duplicates}, ${CONNECTIONS} connections, closed loop`,
    unit: "entries",
    yardstick,
    ours: sideOf("POST /add-batch, durable", pairs.ours.filter(isLoad)),
    ratio,
    cpuRatio: ratioOf({ yardstick: pairs.ours, ours: pairs.yardstick }, cpuOf),
    targets: [atLeast(duplicates === "allow" ? 0.5 : 0.25, ratio.median, "ratio")],
    curve: {
      x: { label: "entries in the log when the round began", isLogarithmic: false },
      y: { label: "entries a second", isLogarithmic: false },
      lines: [{ name: `batches of ${batchEntries.toLocaleString("en")}`, points }],
    },
  };
}

function rateOf(run: TreeRun | Measured): number {
  return isLoad(run) ? run.operationsPerSecond : run.perSecond;
}

function cpuOf(run: TreeRun | Measured): number {
  return run.cpuMicrosPerOperation ?? Number.NaN;
}

function isLoad(run: TreeRun | Measured): run is Measured {
  return "operationsPerSecond" in run;
}

async function buildTree({ pinning, seconds, signal }: Context, batchEntries: number): Promise<TreeRun> {
  const script = join(import.meta.dirname, "../yardsticks/tree.mjs");
  const command = [process.execPath, script, String(ENTRY_BYTES), String(batchEntries), String(seconds)];
  const [program = "", ...args] = pinned(pinning.server, command);
  const { stdout } = await promisify(execFile)(program, args, { signal });
  const run: TreeRun = JSON.parse(stdout);
  return run;
}
