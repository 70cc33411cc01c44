import { fillLog } from "../fill.ts";
import type { RequestPlan } from "../load/plan.ts";
import { atLeast, compared, type Result } from "../results.ts";
import { COMPARABLE, type Context, drivePairs, type Row, withServers } from "../row.ts";
import { startLog, startPlainHttp, startStoreHttp } from "../servers.ts";

const CONNECTIONS = 64;
const FULL_ENTRIES = 524_288;
const SHORT_ENTRIES = 32_768;

type What = Extract<RequestPlan, { kind: "get" }>["what"];

const YARDSTICKS = {
  store: "node:http reading the same store",
  plain: "node:http, constant 8 KiB",
} as const;

const TITLES: Readonly<Record<What, string>> = {
  tile: "GET a random full tile",
  bundle: "GET a random full bundle of 256 entries",
  "inclusion-proof": "GET a random inclusion proof",
  receipt: "GET a random receipt",
  entry: "GET a random entry",
  checkpoint: "GET the checkpoint",
};

/** Reads at random out of a log in which something is. */
export const readRows: readonly Row[] = [
  readRow({ what: "tile", against: "store", isShort: true }),
  readRow({ what: "tile", against: "plain", isShort: false }),
  readRow({ what: "bundle", against: "plain", isShort: false }),
  readRow({ what: "inclusion-proof", against: "plain", isShort: true }),
  readRow({ what: "receipt", against: "plain", isShort: false }),
  readRow({ what: "entry", against: "plain", isShort: false }),
  readRow({ what: "checkpoint", against: "plain", isShort: false }),
];

interface Reading {
  readonly what: What;
  readonly against: keyof typeof YARDSTICKS;
}

function readRow({ what, against, isShort }: Reading & { readonly isShort: boolean }): Row {
  const name = `get-${what}${what === "tile" && against === "plain" ? "-plain" : ""}`;
  return {
    name,
    about: `${TITLES[what]}, ${CONNECTIONS} connections, against ${YARDSTICKS[against]}`,
    isShort,
    run: (context) => read(context, name, { what, against }),
  };
}

async function read(context: Context, name: string, { what, against }: Reading): Promise<readonly Result[]> {
  const { server } = context.pinning;
  const entries = context.isShort ? SHORT_ENTRIES : FULL_ENTRIES;
  return await withServers([() => startLog({ cores: server })], async (ours) => {
    context.say(`adding ${entries.toLocaleString("en")} entries to read`);
    const seed = context.nextSeed();
    const treeSize = await fillLog(ours!.url, { entries, plan: COMPARABLE, seed, signal: context.signal });
    const start = () => (against === "store" ? startStoreHttp(ours!.data, server) : startPlainHttp(server));
    return await withServers([start], async (yardstick) => {
      const plan = { request: { kind: "get", what, treeSize }, connections: CONNECTIONS } as const;
      const pairs = await drivePairs(context, { yardstick: yardstick!, ours: ours! }, plan);
      const sides = compared({ yardstick: YARDSTICKS[against], ours: TITLES[what] }, pairs);
      return [
        {
          name,
          title: `${TITLES[what]}, log of ${treeSize.toLocaleString("en")} entries, ${CONNECTIONS} connections, closed loop`,
          unit: "requests",
          ...sides,
          ...targetsOf({ what, against }, sides),
        },
      ];
    });
  });
}

function targetsOf({ what, against }: Reading, sides: ReturnType<typeof compared>): Pick<Result, "targets"> {
  if (what === "tile" && against === "store") return { targets: [atLeast(0.8, sides.ratio.median, "ratio")] };
  if (what !== "inclusion-proof") return {};
  const perCore = 1e6 / (sides.ours.cpuMicrosPerOperation?.median ?? Number.NaN);
  return { targets: [atLeast(15_000, perCore, "proofs for each second of CPU")] };
}
