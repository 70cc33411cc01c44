/**
 * A log is killed again and again while clients append to it: KILLS times, by default 32; `npm run test:crash`, and many times
 * more often `npm run test:crash:full`. Two of three kills are at named points of the pipeline (`server/failpoints.ts`). After each
 * start all it ever told anybody is held against what it serves.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { Lane } from "./lane.ts";
import { Outcomes } from "./outcomes.ts";
import { Endings, LANES, randomFrom } from "./rounds.ts";
import { buildCrashingServer } from "./server/build.ts";

const KILLS = Number(process.env.KILLS ?? 32);
/** With so many each named point is met at least once. */
const ENOUGH_FOR_ALL = 150;
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

describe("a log that is killed under load", () => {
  let program = "";
  let lanes: readonly Lane[] = [];
  beforeAll(async () => {
    program = await buildCrashingServer(mkdtempSync(join(inject("programs"), "crash-")));
  });

  afterAll(() => {
    for (const lane of lanes) lane.close();
  });

  it(
    "again and again loses nothing that it answered, and contradicts nothing that it showed",
    async () => {
      const outcomes = new Outcomes();
      const endings = new Endings(randomFrom(SEED));
      const folder = mkdtempSync(join(inject("scratch"), "crash-"));
      lanes = LANES.map((kind, at) => {
        const random = randomFrom(SEED + 1 + at);
        return new Lane({ kind, program, folder: join(folder, String(at)), random, outcomes, endings });
      });
      await Promise.all(lanes.map((lane) => killAgain(lane, KILLS / LANES.length)));
      console.log(`${KILLS} kills, seed ${SEED}\n${outcomes}`);
      for (const [at, { ledger, kills }] of lanes.entries()) {
        const { name = "" } = LANES[at] ?? {};
        console.log(`${name}: ${ledger.size} leaves, ${JSON.stringify({ ...kills, ...ledger.counts })}`);
      }
      expect(lanes.flatMap(({ ledger }) => ledger.violations)).toEqual([]);
      expect(outcomes.wrong()).toEqual([]);
      if (KILLS >= ENOUGH_FOR_ALL) expect(outcomes.missing()).toEqual([]);
      expect(lanes.every(({ ledger }) => ledger.counts.receipts > 0 && ledger.heads.size > 0)).toBe(true);
    },
    120_000 + KILLS * 15_000,
  );
});

/** Stops at the first violation: what follows from it would only hide it. */
async function killAgain(lane: Lane, rounds: number): Promise<void> {
  for (let round = 0; round < rounds && lane.ledger.violations.length === 0; round++) await lane.round();
  if (lane.ledger.violations.length === 0) await lane.finish();
}
