/**
 * `tsx --conditions=bristlecone-source bench/witness-peers.ts [--short] [--json FILE]`: add-checkpoint of the built witness, and of
 * those of other people's that test/interop/install.sh installed, by the same requests in turn, in one run. bench/README.md says how
 * to read it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatSigningKey, generateSigningKey } from "../src/tlog/key.ts";
import { freePort, lacks, start } from "../test/interop/programs.ts";
import {
  LITEWITNESS_PROGRAMS,
  startLitewitness,
  startOmniwitness,
} from "../test/interop/witness-programs.ts";
import { type Load, type LoadResult, makeLoads, sendLoad } from "./add-checkpoint-load.ts";
import { median } from "./pairs.ts";

const { values } = parseArgs({
  options: { short: { type: "boolean", default: false }, json: { type: "string" } },
});
const rounds = values.short ? 1 : 5;
/** ML-DSA-44 takes some ten times as long, so there are fewer of its requests. */
const ED25519_PLAN = [
  { connections: 1, perRound: 200 },
  { connections: 16, perRound: 60 },
  { connections: 64, perRound: 30 },
];
const BOTH_PLAN = [
  { connections: 1, perRound: 40 },
  { connections: 16, perRound: 12 },
];

interface Candidate {
  readonly name: string;
  readonly url: string;
  stop(): Promise<void>;
}

interface Choice {
  readonly isThere: boolean;
  open(loads: readonly Load[]): Promise<Candidate>;
}

interface Row {
  readonly name: string;
  readonly connections: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refusals: number;
}

const report = {
  "0x04 alone": await section(ED25519_PLAN, [own(false), omniwitness([1]), litewitness()]),
  "0x04 and 0x06": await section(BOTH_PLAN, [own(true), omniwitness([1, 6])]),
};
for (const [title, rows] of Object.entries(report)) process.stdout.write(`\n${title}\n${table(rows)}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);

function own(hasMlDsa: boolean): Choice {
  return { isThere: true, open: (loads) => startOwn(loads, hasMlDsa) };
}

function omniwitness(types: readonly (1 | 6)[]): Choice {
  return {
    isThere: !lacks("omniwitness"),
    open: async (loads) => ({ ...(await startOmniwitness(logsOf(loads), { types })), name: "omniwitness" }),
  };
}

function litewitness(): Choice {
  return {
    isThere: !lacks(...LITEWITNESS_PROGRAMS),
    open: async (loads) => ({ ...(await startLitewitness(logsOf(loads))), name: "litewitness" }),
  };
}

/** All witnesses stand by; each round asks one after the other, and goes on where the round before ended. */
async function section(
  plan: readonly { readonly connections: number; readonly perRound: number }[],
  choices: readonly Choice[],
): Promise<readonly Row[]> {
  const loads = await makeLoads(
    plan.map(({ connections, perRound }) => ({ connections, perLog: perRound * (rounds + 1) })),
  );
  const candidates: Candidate[] = [];
  try {
    for (const { isThere, open } of choices) if (isThere) candidates.push(await open(loads));
    const rows: Row[] = [];
    for (const [index, load] of loads.entries()) {
      rows.push(...(await measure(candidates, load, plan[index]!.perRound)));
    }
    return rows;
  } finally {
    await Promise.all(candidates.map((candidate) => candidate.stop()));
  }
}

async function measure(
  candidates: readonly Candidate[],
  load: Load,
  perRound: number,
): Promise<readonly Row[]> {
  const seen = new Map<string, LoadResult[]>(candidates.map(({ name }) => [name, []]));
  // The first request of each log, and a round that is not counted.
  for (const { url } of candidates) await sendLoad(url, load, { start: 0, end: perRound + 1 });
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, url } of candidates) {
      const at = { start: perRound * round + 1, end: perRound * (round + 1) + 1 };
      seen.get(name)!.push(await sendLoad(url, load, at));
    }
  }
  return candidates.map(({ name }) => rowOf(name, load.connections, seen.get(name)!));
}

function rowOf(name: string, connections: number, results: readonly LoadResult[]): Row {
  const times = results.flatMap((result) => result.times).sort((one, other) => one - other);
  return {
    name,
    connections,
    perSecond: median(results.map(({ perSecond }) => perSecond)),
    p50Ms: times[Math.floor(times.length * 0.5)]!,
    p99Ms: times[Math.floor(times.length * 0.99)]!,
    refusals: results.reduce((sum, { refusals }) => sum + refusals, 0),
  };
}

function logsOf(loads: readonly Load[]): readonly { origin: string; vkey: string }[] {
  return loads.flatMap(({ logs }) => logs.map(({ origin, vkey }) => ({ origin, vkey })));
}

/** The built command line, as users run it. */
async function startOwn(loads: readonly Load[], hasMlDsa: boolean): Promise<Candidate> {
  const folder = mkdtempSync(join(tmpdir(), "bristlecone-bench-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const keyName = "bench.test/own";
  const mlDsaKey = join(folder, "ml-dsa.key");
  writeFileSync(mlDsaKey, formatSigningKey(await generateSigningKey({ name: keyName, type: 6 })), {
    mode: 0o600,
  });
  const program = await start(
    process.execPath,
    [
      join(import.meta.dirname, "../dist/bin/main.js"),
      ["witness", "--listen", `127.0.0.1:${port}`, "--data", join(folder, "data"), "--name", keyName],
      hasMlDsa ? ["--ml-dsa-key", mlDsaKey] : [],
      logsOf(loads).flatMap(({ vkey }) => ["--log", vkey]),
    ].flat(),
    { url },
  );
  return {
    name: "bristlecone",
    url,
    async stop() {
      await program.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function table(rows: readonly Row[]): string {
  const head = ["", "connections", "per second", "p50 ms", "p99 ms", "refused"];
  const lines = rows.map(({ name, connections, perSecond, p50Ms, p99Ms, refusals }) => [
    name,
    String(connections),
    String(Math.round(perSecond)),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    String(refusals),
  ]);
  return [head, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
