/** wrk, which takes less of a core for a request than a generator in Node: for what a server can do at most. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/interop/programs.ts";
import { type Cores, hasCommand, pinned } from "../pinning.ts";
import { newFolder } from "../script.ts";

export interface WrkRound {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that are not 2xx or 3xx, and connections, reads and writes that failed or took over ten seconds. */
  readonly failures: number;
}

export interface WrkPlan {
  readonly connections: number;
  readonly seconds: number;
  readonly cores?: Cores | undefined;
  /** A Lua script: `request = function() ... end`. */
  readonly script: string;
}

export function hasWrk(): boolean {
  return hasCommand("wrk");
}

/** @throws {Error} wrk failed, or some requests did. */
export async function wrk(url: string, { connections, seconds, cores, script }: WrkPlan): Promise<WrkRound> {
  const folder = newFolder();
  try {
    const file = join(folder, "requests.lua");
    await writeFile(file, script);
    const flags = [
      "-t",
      "1",
      "-c",
      String(connections),
      "-d",
      `${seconds}s`,
      "--timeout",
      "10s",
      "--latency",
      "-s",
      file,
      url,
    ];
    const [program = "", ...args] = pinned(cores, ["wrk", ...flags]);
    const { code, stdout, stderr } = await run(program, args);
    if (code !== 0) throw new Error(`wrk ended with ${code}: ${stderr}${stdout}`);
    const round = parseWrk(stdout);
    if (round.failures > 0) throw new Error(`${url}: ${round.failures} requests failed\n${stdout}`);
    return round;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** GETs of paths chosen at random. @param path - an expression of Lua; `random(n)` in it is one of 0 to n - 1. */
export function getScript(path: string): string {
  return `math.randomseed(os.time())
local function random(n) return math.floor(math.random() * n) end
local function tile(n)
  local text = string.format("%03d", n % 1000)
  n = math.floor(n / 1000)
  while n > 0 do
    text = string.format("x%03d/", n % 1000) .. text
    n = math.floor(n / 1000)
  end
  return text
end
request = function() return wrk.format("GET", ${path}) end
`;
}

/** @param text - of wrk 4 with --latency. @throws {Error} something else */
export function parseWrk(text: string): WrkRound {
  const perSecond = /^Requests\/sec: +([\d.]+)$/m.exec(text)?.[1];
  if (perSecond === undefined) throw new Error(`wrk: no rate in\n${text}`);
  const errors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? "0";
  return {
    perSecond: Number(perSecond),
    p50Ms: percentile(text, "50%"),
    p99Ms: percentile(text, "99%"),
    failures: [...errors, refused].reduce((sum, count) => sum + Number(count), 0),
  };
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function percentile(text: string, share: string): number {
  const [, value, unit = ""] = new RegExp(`^ +${share} +([\\d.]+)(us|ms|s|m) *$`, "m").exec(text) ?? [];
  const factor = UNITS[unit];
  if (value === undefined || factor === undefined) throw new Error(`wrk: no ${share} in\n${text}`);
  return Number(value) * factor;
}
