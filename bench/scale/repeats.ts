/** Batches of new entries with old ones among them: the log has to know each old one, and no other. */
import { Agent } from "node:http";
import { entrySource, FIXED_256 } from "../load/entries.ts";
import { Histogram } from "../load/histogram.ts";
import { processUse, watchMemory } from "../process-use.ts";
import type { BenchServer } from "../servers.ts";
import { addBatch, encodeBatch } from "./build.ts";

const BATCH_ENTRIES = 8192;
const LANES = 3;
const EVERY = 100;

export interface RepeatPlan {
  readonly seconds: number;
  /** Entries 0 to count - 1 of this seed are in the log. */
  readonly built: { readonly seed: number; readonly count: number };
  /** Of the new ones. */
  readonly seed: number;
}

export interface Repeated {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly latency: Histogram;
  readonly rssAnonMiB: number;
}

/** @throws {Error} an old entry was not known, or a new one was. */
export async function addRepeats(server: BenchServer, plan: RepeatPlan): Promise<Repeated> {
  const fresh = entrySource(plan.seed, FIXED_256);
  const old = entrySource(plan.built.seed, FIXED_256);
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const latency = new Histogram();
  const memory = watchMemory(server.pid);
  const before = processUse(server.pid)?.cpuMs ?? Number.NaN;
  const startedAt = performance.now();
  let next = 0;
  let added = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - startedAt < plan.seconds * 1000) {
      const start = next;
      next += BATCH_ENTRIES;
      const batch = encodeBatch(fresh, { start, end: next });
      const positions = new Set<number>();
      for (let position = EVERY - 1; position < BATCH_ENTRIES && plan.built.count > 0; position += EVERY) {
        old.writeInto(Math.floor(Math.random() * plan.built.count), batch, position * (2 + 256) + 2);
        positions.add(position);
      }
      const sentAt = performance.now();
      const { duplicates } = JSON.parse(await addBatch(server.url, agent, batch));
      latency.record((performance.now() - sentAt) * 1000);
      const isExact =
        duplicates.length === positions.size &&
        duplicates.every((position: number) => positions.has(position));
      if (!isExact) throw new Error(`${positions.size} old entries in a batch, ${duplicates.length} found`);
      added += BATCH_ENTRIES;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane)).finally(() => agent.destroy());
  const elapsedMs = performance.now() - startedAt;
  const cpuMs = (processUse(server.pid)?.cpuMs ?? Number.NaN) - before;
  return {
    perSecond: (added * 1000) / elapsedMs,
    cpuMicros: (cpuMs * 1000) / added,
    latency,
    rssAnonMiB: memory.stop() ?? Number.NaN,
  };
}
