/** Every row on one log of one size: rates beside yardsticks of the same minute, memory, proofs that verify. */
import { FIXED_256 } from "../load/entries.ts";
import { Histogram } from "../load/histogram.ts";
import type { LoadPlan, RequestPlan } from "../load/plan.ts";
import { type Measured, measureLoad } from "../measure-load.ts";
import { alternate, ratioOf, type Spread, spreadOf } from "../pairs.ts";
import type { Pinning } from "../pinning.ts";
import { publishedSize } from "../published-size.ts";
import { type BenchLog, type BenchServer, startPlainHttp, startStoreHttp } from "../servers.ts";
import { buildTree } from "../tree-yardstick.ts";
import { addRepeats, type Repeated } from "./repeats.ts";

export interface ScaleContext {
  readonly rounds: number;
  readonly seconds: number;
  readonly pinning: Pinning;
  /** Of the entries that the log was filled with, and how many they are. */
  readonly built: { readonly seed: number; readonly count: number };
  /** No two loads of all runs send the same entries. */
  readonly nextSeed: () => number;
}

/** One row at one size. */
export interface ScaleRow {
  readonly name: string;
  readonly unit: string;
  /** When the row began. */
  readonly treeSize: number;
  readonly perSecond: Spread;
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssAnonMiB: number;
  readonly yardstick?: string;
  /** Of each pair: ours by the yardstick's. */
  readonly ratio?: Spread;
  /** The generator took nearly all of its core: the server can do more. */
  readonly wasGeneratorBottleneck: boolean;
}

const ENTRY_BYTES = 256;
const BATCH_ENTRIES = 8192;
const CONNECTIONS = 64;

export async function scaleRows(log: BenchLog, context: ScaleContext): Promise<readonly ScaleRow[]> {
  const treeSize = await publishedSize(log.url);
  const read = (what: Extract<RequestPlan, { kind: "get" }>["what"]): RequestPlan => ({
    kind: "get",
    what,
    treeSize,
  });
  const plain = await startPlainHttp(context.pinning.server);
  const store = await startStoreHttp(log.data, context.pinning.server);
  try {
    const besidePlain = { name: "node:http reading the body", server: plain };
    const besideStore = { name: "node:http on the same store", server: store };
    return [
      await batchRow(log, context),
      await repeatRow(log, context),
      await loadRow(
        log,
        context,
        { name: "POST /add", request: { kind: "add", entries: FIXED_256 } },
        besidePlain,
      ),
      await loadRow(log, context, { name: "GET tile", request: read("tile") }, besideStore),
      await loadRow(log, context, { name: "GET bundle", request: read("bundle") }),
      await loadRow(log, context, { name: "GET inclusion proof", request: read("inclusion-proof") }),
      await loadRow(log, context, { name: "GET receipt", request: read("receipt") }),
      await loadRow(log, context, { name: "GET entry", request: read("entry") }),
    ];
  } finally {
    await Promise.all([plain.stop(), store.stop()]);
  }
}

type Subject = { readonly name: string; readonly request: RequestPlan };

async function loadRow(
  log: BenchLog,
  context: ScaleContext,
  { name, request }: Subject,
  beside?: { readonly name: string; readonly server: BenchServer },
): Promise<ScaleRow> {
  const treeSize = await publishedSize(log.url);
  say(`${name} at ${treeSize.toLocaleString("en")}`);
  const plan = { request, connections: CONNECTIONS, shape: { kind: "closed" } } as const;
  if (beside === undefined) {
    const rounds: Measured[] = [];
    for (let round = 0; round < context.rounds; round += 1) rounds.push(await load(log, context, plan));
    return rowOf({ name, treeSize, unit: "requests" }, rounds);
  }
  const pairs = await alternate(context.rounds, {
    yardstick: () => load(beside.server, context, plan),
    ours: () => load(log, context, plan),
  });
  const ratio = ratioOf(pairs, ({ operationsPerSecond }) => operationsPerSecond);
  return { ...rowOf({ name, treeSize, unit: "requests" }, pairs.ours), yardstick: beside.name, ratio };
}

/** New entries, beside a thread that only builds the tree of as many. */
async function batchRow(log: BenchLog, context: ScaleContext): Promise<ScaleRow> {
  const treeSize = await publishedSize(log.url);
  say(`POST /add-batch at ${treeSize.toLocaleString("en")}`);
  const request = { kind: "add-batch", entries: FIXED_256, batchEntries: BATCH_ENTRIES } as const;
  const { seconds, pinning } = context;
  const tree = { entryBytes: ENTRY_BYTES, batchEntries: BATCH_ENTRIES, seconds, cores: pinning.server };
  const ours: Measured[] = [];
  const pairs = await alternate<number>(context.rounds, {
    yardstick: async () => (await buildTree(tree)).perSecond,
    async ours() {
      const measured = await load(log, context, { request, connections: 4, shape: { kind: "closed" } });
      ours.push(measured);
      return measured.operationsPerSecond;
    },
  });
  const about = { name: "POST /add-batch", treeSize, unit: "entries" };
  return {
    ...rowOf(about, ours),
    yardstick: "the tree in memory, one thread",
    ratio: ratioOf(pairs, (rate) => rate),
  };
}

/** New entries among which one in a hundred is an old one: each of those has to be found, anywhere in the log. */
async function repeatRow(log: BenchLog, context: ScaleContext): Promise<ScaleRow> {
  const treeSize = await publishedSize(log.url);
  say(`POST /add-batch with old entries at ${treeSize.toLocaleString("en")}`);
  const rounds: Repeated[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    rounds.push(await addRepeats(log, { ...context, seed: context.nextSeed() }));
  }
  const latency = new Histogram();
  for (const round of rounds) latency.merge(round.latency.toData());
  return {
    name: "POST /add-batch, 1 % old entries",
    unit: "entries",
    treeSize,
    perSecond: spreadOf(rounds.map(({ perSecond }) => perSecond)),
    cpuMicros: spreadOf(rounds.map(({ cpuMicros }) => cpuMicros)).median,
    p50Ms: latency.percentile(0.5) / 1000,
    p99Ms: latency.percentile(0.99) / 1000,
    rssAnonMiB: Math.max(...rounds.map(({ rssAnonMiB }) => rssAnonMiB)),
    wasGeneratorBottleneck: false,
  };
}

async function load(
  server: BenchServer,
  { seconds, pinning, nextSeed }: ScaleContext,
  plan: Pick<LoadPlan, "request" | "connections" | "shape">,
): Promise<Measured> {
  const times = { warmupMs: Math.min(2_000, seconds * 500), durationMs: seconds * 1000 };
  const measured = await measureLoad(
    server,
    { ...plan, ...times, seed: nextSeed() },
    { cores: pinning.generator },
  );
  const failed = measured.due - measured.succeeded;
  // Requests under way when the window ends are due in it and answered after it: those are no failures of the server.
  if (failed > measured.due / 100) {
    throw new Error(
      `${plan.request.kind}: ${failed} of ${measured.due} failed: ${JSON.stringify(measured.statuses)}`,
    );
  }
  return measured;
}

function rowOf(
  about: { readonly name: string; readonly unit: string; readonly treeSize: number },
  rounds: readonly Measured[],
): ScaleRow {
  const latency = new Histogram();
  for (const round of rounds) latency.merge(round.latency);
  return {
    ...about,
    perSecond: spreadOf(rounds.map(({ operationsPerSecond }) => operationsPerSecond)),
    cpuMicros: spreadOf(rounds.map(({ cpuMicrosPerOperation }) => cpuMicrosPerOperation ?? Number.NaN))
      .median,
    p50Ms: latency.percentile(0.5) / 1000,
    p99Ms: latency.percentile(0.99) / 1000,
    rssAnonMiB: Math.max(...rounds.map(({ peakRssAnonMiB }) => peakRssAnonMiB ?? Number.NaN)),
    wasGeneratorBottleneck: rounds.some(({ generator }) => generator.wasBottleneck),
  };
}

function say(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
