import { shown } from "../figures.ts";
import type { Measured } from "../measure-load.ts";
import { atMost, type Result, sideOf, type Target } from "../results.ts";
import { COMPARABLE, type Context, drive, type Row, withServers } from "../row.ts";
import { type BenchServer, startLog } from "../servers.ts";
import { startWitnessedLog, WITNESSES } from "../witnessed-log.ts";

const PAUSE_MS = 100;
const WAIT_SECONDS = 30;
const CONNECTIONS = 1024;
/** Of what is offered, so much has to be answered; and as many answers have to come in the window, or a queue is growing. */
const ANSWERED_SHARE = 0.99;
const KEPT_UP_SHARE = 0.95;
const NEXT_RATE = 0.7;
const LEAST_RATE = 50;

const REQUEST = { kind: "add-receipt", entries: COMPARABLE, waitSeconds: WAIT_SECONDS } as const;

interface Setting {
  readonly name: string;
  readonly witnesses: string;
  readonly isShort: boolean;
  readonly idleP50Ms: number;
  readonly busyPerSecond: number;
  readonly busyP99Ms: number;
  start(context: Context): Promise<BenchServer>;
}

/** From an entry to its receipt: `POST /add` that waits for the proof. */
export const receiptRows: readonly Row[] = [
  ...rowsOf({
    name: "receipt",
    witnesses: "no witnesses",
    isShort: true,
    idleP50Ms: 3,
    busyPerSecond: 5_000,
    busyP99Ms: 25,
    start: ({ pinning }) => startLog({ cores: pinning.server }),
  }),
  ...rowsOf({
    name: "receipt-witnessed",
    witnesses: `2 of ${WITNESSES} witnesses in other processes, no interval`,
    isShort: false,
    idleP50Ms: 15,
    busyPerSecond: 2_000,
    busyP99Ms: 100,
    start: ({ pinning }) => startWitnessedLog(pinning),
  }),
];

function rowsOf(setting: Setting): readonly Row[] {
  const { name, witnesses, isShort, busyPerSecond } = setting;
  return [
    {
      name: `${name}-idle`,
      about: `from POST /add to the receipt, one at a time, ${witnesses}`,
      isShort,
      run: (context) => idle(context, setting),
    },
    {
      name: `${name}-busy`,
      about: `from POST /add to the receipt, ${busyPerSecond.toLocaleString("en")} a second, Poisson, ${witnesses}`,
      isShort: false,
      run: (context) => busy(context, setting),
    },
  ];
}

async function idle(context: Context, setting: Setting): Promise<readonly Result[]> {
  const { name, witnesses, idleP50Ms } = setting;
  return await withServers([() => setting.start(context)], async (log) => {
    const rounds: Measured[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const shape = { kind: "closed", pauseMs: PAUSE_MS } as const;
      rounds.push(await drive(context, log!, { request: REQUEST, connections: 1, shape }));
    }
    const ours = sideOf("POST /add until the receipt", rounds);
    return [
      {
        name: `${name}-idle`,
        title: `add to receipt, ${witnesses}, one at a time with ${PAUSE_MS} ms between`,
        unit: "entries",
        ours,
        targets: [atMost(idleP50Ms, ours.latencyMs?.p50 ?? Number.NaN, "p50 ms")],
      },
    ];
  });
}

async function busy(context: Context, setting: Setting): Promise<readonly Result[]> {
  return await withServers([() => setting.start(context)], async (log) => {
    let perSecond = setting.busyPerSecond;
    for (;;) {
      const first = await offer(context, log!, perSecond);
      if (isSustained(first) || perSecond * NEXT_RATE < LEAST_RATE) {
        const rounds = [first];
        while (rounds.length < context.rounds) rounds.push(await offer(context, log!, perSecond));
        return [busyResult(setting, perSecond, rounds)];
      }
      const outcomes = JSON.stringify({ ...first.statuses, ...first.errors });
      context.say(
        `${perSecond.toLocaleString("en")}/s was too much: of ${first.due}, ${first.operationsInWindow} came in the window; in all ${outcomes}`,
      );
      perSecond = Math.floor(perSecond * NEXT_RATE);
    }
  });
}

function offer(context: Context, log: BenchServer, perSecond: number): Promise<Measured> {
  const shape = { kind: "open", perSecond, arrivals: "poisson" } as const;
  return drive(context, log, { request: REQUEST, connections: CONNECTIONS, shape });
}

function isSustained(run: Measured): boolean {
  const isKeptUp = run.operationsInWindow >= KEPT_UP_SHARE * run.due;
  return isKeptUp && run.succeeded >= ANSWERED_SHARE * run.due && run.generator.mostQueued < CONNECTIONS;
}

function busyResult(setting: Setting, perSecond: number, rounds: readonly Measured[]): Result {
  const { name, witnesses, busyP99Ms, busyPerSecond } = setting;
  const ours = sideOf("POST /add until the receipt", rounds);
  const offered: Target = {
    text: `offered at least ${shown(busyPerSecond)}/s, the highest that was sustained is ${shown(perSecond)}/s`,
    isMet: perSecond >= busyPerSecond,
  };
  return {
    name: `${name}-busy`,
    title: `add to receipt, ${witnesses}, ${perSecond.toLocaleString("en")} a second, Poisson arrivals, up to ${CONNECTIONS} connections`,
    unit: "entries",
    ours,
    targets: [offered, atMost(busyP99Ms, ours.latencyMs?.p99 ?? Number.NaN, "p99 ms")],
  };
}
