import { type EntryPlan, FIXED_256 } from "./load/entries.ts";
import type { LoadPlan, LoadShape, RequestPlan } from "./load/plan.ts";
import { type Measured, measureLoad } from "./measure-load.ts";
import { alternate, type Pairs } from "./pairs.ts";
import type { Pinning } from "./pinning.ts";
import type { Result } from "./results.ts";
import type { BenchServer } from "./servers.ts";

/** One line, or a few, of the table. */
export interface Row {
  /** For --row. */
  readonly name: string;
  readonly about: string;
  /** In the short form too. */
  readonly isShort: boolean;
  run(context: Context): Promise<readonly Result[]>;
}

/** How much is measured, and where. */
export interface Context {
  readonly rounds: number;
  readonly seconds: number;
  readonly isShort: boolean;
  readonly pinning: Pinning;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Of the run and the call: no two loads send the same entries. */
  nextSeed(): number;
  /** Tells what goes on. */
  say(text: string): void;
}

/** Entries of one size: what compares. */
export const COMPARABLE: EntryPlan = FIXED_256;

const WARMUP_SECONDS = 2;

export interface Drive {
  readonly request: RequestPlan;
  readonly connections: number;
  readonly shape?: LoadShape;
  readonly seconds?: number;
}

/** One run of load, as the context has it. Closed loop unless told otherwise. */
export async function drive(
  context: Context,
  server: Pick<BenchServer, "pid" | "url">,
  { request, connections, shape = { kind: "closed" }, seconds = context.seconds }: Drive,
): Promise<Measured> {
  const plan: Omit<LoadPlan, "url"> = {
    request,
    connections,
    shape,
    seed: context.nextSeed(),
    warmupMs: Math.min(WARMUP_SECONDS, seconds / 2) * 1000,
    durationMs: seconds * 1000,
  };
  return await measureLoad(server, plan, { cores: context.pinning.generator, signal: context.signal });
}

/** The same load on both, in turn. */
export async function drivePairs(
  context: Context,
  servers: { readonly yardstick: BenchServer; readonly ours: BenchServer },
  drivePlan: Drive,
): Promise<Pairs<Measured>> {
  const run = async (side: "yardstick" | "ours", round: number): Promise<Measured> => {
    const measured = await drive(context, servers[side], drivePlan);
    context.say(
      `${side}, pair ${round + 1}: ${Math.round(measured.operationsPerSecond).toLocaleString("en")}/s`,
    );
    return measured;
  };
  return await alternate(
    context.rounds,
    { yardstick: (round) => run("yardstick", round), ours: (round) => run("ours", round) },
    context.signal,
  );
}

/** Starts servers one after the other, and stops all of them whatever happens. */
export async function withServers<S extends { stop(): Promise<void> }, T>(
  starts: readonly (() => Promise<S>)[],
  use: (...servers: readonly S[]) => Promise<T>,
): Promise<T> {
  const running: S[] = [];
  try {
    for (const start of starts) running.push(await start());
    return await use(...running);
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}
