/** `POST /add` of two logs under Tessera's hammer, in turn, in one run. */

import { type FigureRow, figureRows } from "../figures.ts";
import { alternate, type Pairs } from "../pairs.ts";
import type { Pinning } from "../pinning.ts";
import { type HammerPlan, type HammerRound, hammer } from "./hammer.ts";
import { type PeerOptions, type PeerServer, startOwnLog, startTessera } from "./servers.ts";

export interface HammerRowsPlan {
  readonly folder: string;
  readonly writers: readonly number[];
  readonly pairs: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Undefined: server and hammer both have the whole machine. */
  readonly pinning?: Pinning;
  readonly antispam: boolean;
  /** Whether to look for the rate at which Tessera does best before measuring. */
  readonly calibrates: boolean;
}

export interface HammerRow {
  readonly title: string;
  readonly yardstick: string;
  /** What the hammer was allowed to write to Tessera in a second: what served Tessera best. */
  readonly tesseraMaxWrites: number;
  readonly figures: readonly FigureRow[];
  readonly pairs: Pairs<HammerRound>;
}

/** Above what either log takes: each writer then writes as soon as it is answered. */
const UNLIMITED = 200_000;
/** Tried, from the top, when unlimited writers are refused: those are asked for again at once, and take the log's time. */
const LESS = [16_000, 8_000, 4_000, 2_000, 1_000, 500];

const FIGURES = {
  "entries/s, published": { of: (round: HammerRound) => round.perSecond, target: ">= 5" },
  "time to index, mean ms (hammer's samples)": {
    of: (round: HammerRound) => round.queueMs,
    target: "<= 0.1",
  },
  "time to index, mean ms (writers / rate)": { of: (round: HammerRound) => round.littleMs, target: "<= 0.1" },
  "time to checkpoint, mean ms (hammer's samples)": { of: (round: HammerRound) => round.integrationMs },
  "CPU, µs an entry": { of: (round: HammerRound) => round.cpuMicrosPerEntry, target: "<= 0.333" },
  "RssAnon, most, MiB": { of: (round: HammerRound) => round.rssAnonMiB, target: "<= 0.333" },
  "resident, peak, MiB": { of: (round: HammerRound) => round.peakResidentMiB },
  "writes pushed back": { of: (round: HammerRound) => round.pushedBack },
  "writes failed": { of: (round: HammerRound) => round.failed },
};

/** One row after the other, as each is measured: what a later one meets takes no earlier one away. */
export async function* hammerRows(plan: HammerRowsPlan): AsyncGenerator<HammerRow> {
  for (const writers of plan.writers) yield await hammerRow(writers, plan);
}

async function hammerRow(writers: number, plan: HammerRowsPlan): Promise<HammerRow> {
  const options: PeerOptions = { folder: plan.folder, cores: plan.pinning?.server };
  const tessera = await startTessera({ ...options, antispam: plan.antispam });
  try {
    const own = await startOwnLog(options);
    try {
      const round: HammerPlan = {
        writers,
        maxWrites: UNLIMITED,
        warmUpSeconds: plan.warmUpSeconds,
        seconds: plan.seconds,
        cores: plan.pinning?.generator,
      };
      const maxWrites = plan.calibrates ? await bestMaxWrites(tessera, round) : UNLIMITED;
      const pairs = await alternate(plan.pairs, {
        yardstick: () => hammer(tessera, { ...round, maxWrites }),
        ours: () => hammer(own, round),
      });
      const cores = plan.pinning?.text ?? "server and hammer on all cores";
      return {
        title: `POST /add under the hammer, ${writers} writers, ${cores}, beside ${tessera.name}`,
        yardstick: tessera.name,
        tesseraMaxWrites: maxWrites,
        figures: figureRows(pairs, FIGURES),
        pairs,
      };
    } finally {
      await own.stop();
    }
  } finally {
    await tessera.stop();
  }
}

/** Goes down until fewer are refused than are taken, and keeps the best. */
async function bestMaxWrites(tessera: PeerServer, round: HammerPlan): Promise<number> {
  let best = { maxWrites: UNLIMITED, perSecond: 0 };
  for (const maxWrites of [UNLIMITED, ...LESS]) {
    const { perSecond, pushedBack, failed } = await hammer(tessera, { ...round, maxWrites }).catch(
      (): HammerTrial => ({ perSecond: 0, pushedBack: 0, failed: Number.POSITIVE_INFINITY }),
    );
    process.stderr.write(`  ${tessera.name}, at most ${maxWrites}/s: ${Math.round(perSecond)}/s\n`);
    if (perSecond > best.perSecond) best = { maxWrites, perSecond };
    // Nothing was refused: fewer writes cannot serve it better.
    if (pushedBack + failed === 0) break;
  }
  return best.maxWrites;
}

type HammerTrial = Pick<HammerRound, "perSecond" | "pushedBack" | "failed">;
