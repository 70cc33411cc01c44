/**
 * Flips bits in copies of a data file, one a copy, and has each checked by the real command: it names what is wrong, or what reads it dies and
 * it says so, or the bit is in a place that nothing uses. FLIPS: how many; default 30. SEED: which.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { spawnCli } from "../cli/harness.ts";
import { copyOf, dump, makeLog } from "../fsck/store-log.ts";

const FLIPS = Number(process.env.FLIPS ?? 30);
const SEED = Number(process.env.SEED ?? 1);
const SIDE_BY_SIDE = 2;

type Outcome = "named" | "died" | "refused" | "unused" | "MISSED" | "UNSAID";

describe("a bit that flips in the data file", () => {
  let sound = "";
  let wanted = "";
  let bytes = Buffer.alloc(0);
  beforeAll(async () => {
    sound = await makeLog(20_000, 8192);
    wanted = await dump(sound);
    bytes = readFileSync(join(sound, "data.mdb"));
  });

  it(
    `is found, or in no use: ${FLIPS} of them`,
    async () => {
      const random = randomFrom(SEED);
      const places = Array.from({ length: FLIPS }, () => Math.floor(random() * bytes.length * 8));
      const outcomes: [number, Outcome, string][] = [];
      const lane = async (): Promise<void> => {
        for (let place = places.pop(); place !== undefined; place = places.pop()) {
          outcomes.push([place, ...(await outcomeOf(place))]);
        }
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
      const counts = new Map<string, number>();
      for (const [, outcome] of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      console.log(`${FLIPS} bits of ${bytes.length} bytes:`, Object.fromEntries(counts));
      expect(outcomes.filter(([, outcome]) => outcome === "MISSED" || outcome === "UNSAID")).toEqual([]);
    },
    60_000 + FLIPS * 10_000,
  );

  async function outcomeOf(place: number): Promise<[Outcome, string]> {
    const copy = copyOf(sound);
    try {
      const changed = Buffer.from(bytes);
      const at = Math.floor(place / 8);
      changed[at] = (changed[at] ?? 0) ^ (1 << (place % 8));
      writeFileSync(join(copy, "data.mdb"), changed);
      const { code, stdout, stderr } = await spawnCli(["fsck", copy, "--json", "--processes", "1"], {
        cwd: dirname(copy),
      });
      if (code === 0) return (await dump(copy)) === wanted ? ["unused", ""] : ["MISSED", stdout];
      if (code === 2) return [/"STORE_[A-Z_]+"/.test(stderr) ? "refused" : "UNSAID", stderr];
      if (code !== 1 || !stderr.includes("DAMAGE_FOUND")) return ["UNSAID", `${code} ${stderr}`];
      return [/is ended \(SIG/.test(stdout) ? "died" : "named", stdout];
    } finally {
      await rm(dirname(copy), { recursive: true });
    }
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
