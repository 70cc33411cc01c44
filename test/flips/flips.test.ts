/**
 * Flips bits in copies of a data file, one a copy, and checks each: the check names what is wrong, or the process that reads it dies and its parent
 * says so, or the bit is in a place that nothing uses: a dump of all rows is the same. FLIPS: how many; default 150. SEED: which.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { spawnCli } from "../cli/harness.ts";
import { copyOf, makeLog } from "../fsck/store-log.ts";

const FLIPS = Number(process.env.FLIPS ?? 150);
const SEED = Number(process.env.SEED ?? 1);
/** How many of each outcome are done once more by the real command. */
const BY_COMMAND = 4;
const CHILD = fileURLToPath(new URL("./flip-child.ts", import.meta.url));

type Outcome = readonly [place: number, outcome: string, detail: string];

describe("a bit that flips in the data file", () => {
  let sound = "";
  let bytes = Buffer.alloc(0);
  beforeAll(async () => {
    sound = await makeLog(6000, 3000);
    bytes = readFileSync(join(sound, "data.mdb"));
  });

  it(
    `is found, or in no use: ${FLIPS} of them`,
    async () => {
      const random = randomFrom(SEED);
      const places = Array.from({ length: FLIPS }, () => Math.floor(random() * bytes.length * 8));
      const half = Math.ceil(FLIPS / 2);
      const outcomes = (
        await Promise.all([outcomesOf(places.slice(0, half)), outcomesOf(places.slice(half))])
      ).flat();
      const kinds = new Map<string, Outcome[]>();
      for (const one of outcomes) kinds.set(one[1], [...(kinds.get(one[1]) ?? []), one]);
      const counts = [...kinds].map(([outcome, of]) => `${of.length} ${outcome}`);
      console.log(`${FLIPS} bits of ${bytes.length} bytes: ${counts.join(", ")}`);
      for (const [, outcome, detail] of outcomes)
        if (outcome === "refused") console.log(`refused: ${detail}`);
      expect(outcomes.filter(([, outcome]) => outcome === "MISSED")).toEqual([]);
      for (const [outcome, of] of kinds) {
        for (const [place] of of.slice(0, BY_COMMAND)) expect(await byCommand(place)).toBe(outcome);
      }
    },
    120_000 + FLIPS * 5_000,
  );

  async function outcomesOf(places: readonly number[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    while (outcomes.length < places.length) {
      const rest = places.slice(outcomes.length);
      const child = startChild();
      child.stdin?.end(`${rest.join("\n")}\n`);
      const ended = new Promise<string>((resolve) =>
        child.once("exit", (code, signal) => resolve(signal ?? `${code}`)),
      );
      if (child.stdout !== null) {
        for await (const line of createInterface({ input: child.stdout })) outcomes.push(JSON.parse(line));
      }
      const end = await ended;
      const place = places[outcomes.length];
      if (place !== undefined) outcomes.push([place, end.startsWith("SIG") ? "died" : "MISSED", end]);
    }
    return outcomes;
  }

  function startChild(): ChildProcess {
    const scratch = mkdtempSync(join(inject("scratch"), "flips-"));
    const flags = ["--import", "tsx", "--conditions=bristlecone-source"];
    return spawn(process.execPath, [...flags, CHILD, sound, scratch], { stdio: ["pipe", "pipe", "inherit"] });
  }

  async function byCommand(place: number): Promise<string> {
    const copy = copyOf(sound);
    const changed = Buffer.from(bytes);
    const at = Math.floor(place / 8);
    changed[at] = (changed[at] ?? 0) ^ (1 << (place % 8));
    writeFileSync(join(copy, "data.mdb"), changed);
    const args = ["fsck", copy, "--json", "--processes", "1"];
    const { code, stdout, stderr } = await spawnCli(args, { cwd: dirname(copy) });
    if (code === 0) return "unused";
    if (code === 2 && /"STORE_[A-Z_]+"/.test(stderr)) return "refused";
    if (code !== 1 || !stderr.includes("DAMAGE_FOUND")) return `exit ${code}: ${stderr}`;
    return /ended( the process)? \(SIG/.test(stdout) ? "died" : "named";
  }
});

/** mulberry32: the same places for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mix = Math.imul(state ^ (state >>> 15), state | 1);
    mix ^= mix + Math.imul(mix ^ (mix >>> 7), mix | 61);
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32;
  };
}
