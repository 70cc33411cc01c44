import type { Measured } from "../measure-load.ts";
import { alternate, type Pairs, ratioOf, spreadOf } from "../pairs.ts";
import { publishedSize } from "../published-size.ts";
import { atLeast, type Result, sideOf, unloadedSide } from "../results.ts";
import { COMPARABLE, type Context, drive, type Row, withServers } from "../row.ts";
import { startLog } from "../servers.ts";
import { buildTree, type TreeRun } from "../tree-yardstick.ts";

const ENTRY_BYTES = 256;
/** So that a batch is on its way while another is made durable. */
const CONNECTIONS = 4;

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
  const { seconds, signal } = context;
  const { server } = context.pinning;
  const flags = ["--duplicates", duplicates];
  return await withServers([() => startLog({ cores: server, flags })], async (log) => {
    const sizes: number[] = [];
    const request = { kind: "add-batch", entries: COMPARABLE, batchEntries } as const;
    const pairs = await alternate<TreeRun | Measured>(
      context.rounds,
      {
        yardstick: () => buildTree({ entryBytes: ENTRY_BYTES, batchEntries, seconds, cores: server, signal }),
        async ours(round) {
          sizes.push(await publishedSize(log!.url));
          const measured = await drive(context, log!, { request, connections: CONNECTIONS });
          context.say(
            `pair ${round + 1}: ${Math.round(measured.operationsPerSecond).toLocaleString("en")} entries/s`,
          );
          return measured;
        },
      },
      signal,
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
  const yardstick = unloadedSide("the tree built in memory, one thread", spreadOf(rates(pairs.yardstick)));
  const ratio = ratioOf(pairs, rateOf);
  const points = rates(pairs.ours).map((rate, at) => [sizes[at] ?? 0, rate] as const);
  return {
    name,
    title: `POST /add-batch, ${batchEntries.toLocaleString("en")} entries of ${ENTRY_BYTES} bytes, duplicates ${duplicates}, ${CONNECTIONS} connections, closed loop`,
    unit: "entries",
    yardstick: { ...yardstick, cpuMicrosPerOperation: spreadOf(pairs.yardstick.map(cpuOf)) },
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
