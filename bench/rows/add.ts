import type { EntryPlan } from "../load/entries.ts";
import type { Measured } from "../measure-load.ts";
import { atLeast, atMost, type Curve, compared, type Result, sideOf } from "../results.ts";
import { COMPARABLE, type Context, drive, drivePairs, type Row, withServers } from "../row.ts";
import { startLog, startPlainHttp } from "../servers.ts";

const BODY_READ = "node:http, body read";
const MIXED: EntryPlan = { sizes: { kind: "mixed" }, duplicateShare: 0.05 };
const CURVE_SHARES = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1];
const CURVE_CONNECTIONS = 256;

/** `POST /add`, durable, exact duplicates. */
export const addRows: readonly Row[] = [
  addRow({ connections: 64, isShort: true }),
  addRow({ connections: 512, isShort: false }),
  {
    name: "add-mixed",
    about: "POST /add of mixed sizes, 5 % duplicates, 64 connections, against node:http reading the body",
    isShort: false,
    run: (context) => add(context, { name: "add-mixed", connections: 64, entries: MIXED }),
  },
  {
    name: "add-latency",
    about: "POST /add, latency against offered load, Poisson arrivals",
    isShort: false,
    run: addLatency,
  },
];

function addRow({ connections, isShort }: { readonly connections: number; readonly isShort: boolean }): Row {
  const name = `add-${connections}`;
  return {
    name,
    about: `POST /add of 256 bytes, ${connections} connections, against node:http reading the body`,
    isShort,
    run: (context) => add(context, { name, connections, entries: COMPARABLE }),
  };
}

async function add(
  context: Context,
  {
    name,
    connections,
    entries,
  }: { readonly name: string; readonly connections: number; readonly entries: EntryPlan },
): Promise<readonly Result[]> {
  const { server } = context.pinning;
  const starts = [() => startPlainHttp(server), () => startLog({ cores: server })] as const;
  return await withServers(starts, async (yardstick, ours) => {
    const plan = { request: { kind: "add", entries }, connections } as const;
    const pairs = await drivePairs(context, { yardstick: yardstick!, ours: ours! }, plan);
    const sides = compared({ yardstick: BODY_READ, ours: "POST /add, durable" }, pairs);
    const sizes = entries.sizes.kind === "fixed" ? `${entries.sizes.bytes} bytes` : "64 to 8,192 bytes";
    const isComparable = entries === COMPARABLE;
    return [
      {
        name,
        title: `POST /add, ${sizes}, ${100 * entries.duplicateShare} % duplicates, ${connections} connections, closed loop`,
        unit: "entries",
        ...sides,
        targets: [
          ...(isComparable ? [atLeast(0.35, sides.ratio.median, "ratio")] : []),
          ...(isComparable && connections === 64
            ? [atMost(10, sides.ours.latencyMs?.p99 ?? Number.NaN, "p99 ms")]
            : []),
        ],
      },
    ];
  });
}

/** What a closed loop reaches is taken for capacity; then loads below it are offered, one after the other. */
async function addLatency(context: Context): Promise<readonly Result[]> {
  const request = { kind: "add", entries: COMPARABLE } as const;
  return await withServers([() => startLog({ cores: context.pinning.server })], async (log) => {
    const capacity = await drive(context, log!, { request, connections: 64 });
    const measured: Measured[] = [];
    const rates = CURVE_SHARES.map((share) => Math.round(share * capacity.operationsPerSecond));
    for (const perSecond of rates) {
      const shape = { kind: "open", perSecond, arrivals: "poisson" } as const;
      context.say(`offering ${perSecond.toLocaleString("en")}/s`);
      measured.push(await drive(context, log!, { request, connections: CURVE_CONNECTIONS, shape }));
    }
    const sides = measured.map((round, at) =>
      sideOf(`offered ${rates[at]!.toLocaleString("en")}/s`, [round]),
    );
    const results: readonly Result[] = sides.map((ours, at) => ({
      name: `add-latency/${100 * CURVE_SHARES[at]!}`,
      title: `POST /add, 256 bytes, Poisson arrivals at ${100 * CURVE_SHARES[at]!} % of capacity, up to ${CURVE_CONNECTIONS} connections`,
      unit: "entries" as const,
      ours,
    }));
    const points = (pick: "p50" | "p99") =>
      sides.map(({ latencyMs }, at) => [rates[at]!, latencyMs?.[pick] ?? Number.NaN] as const);
    const curve: Curve = {
      x: { label: "offered load, entries a second", isLogarithmic: false },
      y: { label: "latency, ms", isLogarithmic: true },
      lines: [
        { name: "p50", points: points("p50") },
        { name: "p99", points: points("p99") },
      ],
    };
    return [
      { name: "add-latency", title: "POST /add: latency against offered load", unit: "entries", curve },
      ...results,
    ];
  });
}
