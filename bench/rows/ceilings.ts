/** Other people's generators: wrk, which takes least of its core, for what a server can do at most; autocannon, whose figures go back furthest. */
import { randomBytes, randomFillSync } from "node:crypto";
import autocannon from "autocannon";
import { fillLog } from "../fill.ts";
import { alternate, ratioOf, spreadOf } from "../pairs.ts";
import { getScript, hasWrk, wrk } from "../peers/wrk.ts";
import { processUse } from "../process-use.ts";
import { type Result, type Side, unloadedSide } from "../results.ts";
import { COMPARABLE, type Context, type Row, withServers } from "../row.ts";
import { type BenchServer, startLog, startPlainHttp } from "../servers.ts";

const CONNECTIONS = 64;
const ENTRIES = 65_536;

interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosPerOperation: number;
}

type Generator = (
  context: Context,
  url: string,
  what: "add" | "tile",
) => Promise<Omit<Round, "cpuMicrosPerOperation">>;

export const ceilingRows: readonly Row[] = [
  {
    name: "wrk",
    about: "POST /add and GET a full tile by wrk, against node:http",
    isShort: false,
    run: (context) => (hasWrk() ? ceilings(context, "wrk", byWrk) : missing(context)),
  },
  {
    name: "autocannon",
    about: "POST /add and GET a full tile by autocannon, against node:http",
    isShort: false,
    run: (context) => ceilings(context, "autocannon", byAutocannon),
  },
];

async function missing({ say }: Context): Promise<readonly Result[]> {
  say("wrk is not installed: its row is left out");
  return [{ name: "wrk", title: "not measured", unit: "requests", notes: ["wrk is not installed"] }];
}

async function ceilings(context: Context, name: string, generator: Generator): Promise<readonly Result[]> {
  const { server } = context.pinning;
  const starts = [() => startPlainHttp(server), () => startLog({ cores: server })] as const;
  return await withServers(starts, async (yardstick, ours) => {
    await fillLog(ours!.url, {
      entries: ENTRIES,
      plan: COMPARABLE,
      seed: context.nextSeed(),
      signal: context.signal,
    });
    const results: Result[] = [];
    for (const what of ["tile", "add"] as const) {
      const round = (target: BenchServer) => () =>
        measured(target, () => generator(context, target.url, what));
      const sides = { yardstick: round(yardstick!), ours: round(ours!) };
      const pairs = await alternate(context.rounds, sides, context.signal);
      const cpuOf = (of: Round): number => of.cpuMicrosPerOperation;
      results.push({
        name: `${name}/${what}`,
        title: `${what === "add" ? "POST /add, 256 bytes" : "GET a random full tile"}, ${name}, ${CONNECTIONS} connections, closed loop`,
        unit: what === "add" ? "entries" : "requests",
        yardstick: sideOf(
          what === "add" ? "node:http, body read" : "node:http, constant 8 KiB",
          pairs.yardstick,
        ),
        ours: sideOf("bristlecone", pairs.ours),
        ratio: ratioOf(pairs, ({ perSecond }) => perSecond),
        cpuRatio: ratioOf({ yardstick: pairs.ours, ours: pairs.yardstick }, cpuOf),
      });
    }
    return results;
  });
}

async function measured(
  target: BenchServer,
  load: () => Promise<Omit<Round, "cpuMicrosPerOperation">>,
): Promise<Round> {
  const before = processUse(target.pid)?.cpuMs ?? Number.NaN;
  const startedAt = performance.now();
  const round = await load();
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuMs = (processUse(target.pid)?.cpuMs ?? Number.NaN) - before;
  return { ...round, cpuMicrosPerOperation: (cpuMs * 1000) / (round.perSecond * seconds) };
}

async function byWrk({ pinning, seconds }: Context, url: string, what: "add" | "tile") {
  const script = what === "add" ? addScript() : getScript(`"/tile/0/" .. tile(random(${ENTRIES / 256}))`);
  return await wrk(url, {
    connections: CONNECTIONS,
    seconds: Math.ceil(seconds),
    cores: pinning.generator,
    script,
  });
}

/** Entries of 256 bytes that no other run has. */
function addScript(): string {
  return `local count = 0
request = function()
  count = count + 1
  local name = "${randomBytes(16).toString("hex")}" .. string.format("%012d", count)
  return wrk.format("POST", "/add", nil, name .. string.rep("x", 256 - #name))
end
`;
}

/** In this process: it is not pinned, and says so little that it is no ceiling. */
async function byAutocannon({ seconds }: Context, url: string, what: "add" | "tile") {
  const addRequest = {
    setupRequest: (request: object) => ({ ...request, body: randomFillSync(Buffer.allocUnsafe(256)) }),
  };
  const result = await autocannon({
    ...(what === "add"
      ? { url: `${url}/add`, method: "POST" as const, requests: [addRequest] }
      : { url: `${url}/tile/0/007`, method: "GET" as const }),
    connections: CONNECTIONS,
    duration: Math.ceil(seconds),
  });
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${url}: ${result.errors} errors, ${result.non2xx} answers that are not 2xx`);
  }
  return { perSecond: result.requests.average, p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
}

function sideOf(name: string, rounds: readonly Round[]): Side {
  const middle = (pick: (of: Round) => number): number => spreadOf(rounds.map(pick)).median;
  return {
    ...unloadedSide(name, spreadOf(rounds.map(({ perSecond }) => perSecond))),
    cpuMicrosPerOperation: spreadOf(rounds.map(({ cpuMicrosPerOperation }) => cpuMicrosPerOperation)),
    latencyMs: {
      count: rounds.length,
      p50: middle(({ p50Ms }) => p50Ms),
      p90: Number.NaN,
      p99: middle(({ p99Ms }) => p99Ms),
      p999: Number.NaN,
      max: Number.NaN,
    },
  };
}
