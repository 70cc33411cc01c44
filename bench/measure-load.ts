import type { LoadPlan, LoadReport } from "./load/plan.ts";
import { runLoad } from "./load/run-load.ts";
import type { Cores } from "./pinning.ts";
import { processUse, watchMemory } from "./process-use.ts";
import type { BenchServer } from "./servers.ts";

/** One run of load on one server: what the generator saw, and what the server used. */
export interface Measured extends LoadReport {
  /** Of the server and its children, in the window, all threads. Undefined where the system does not tell. */
  readonly cpuMicrosPerOperation: number | undefined;
  /** The largest seen from start to end. */
  readonly peakRssAnonMiB: number | undefined;
}

/** Loads a server and watches it. @param run.cores - the generator's. */
export async function measureLoad(
  server: Pick<BenchServer, "pid" | "url">,
  plan: Omit<LoadPlan, "url">,
  run: { readonly cores?: Cores | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Measured> {
  const memory = watchMemory(server.pid);
  let before: number | undefined;
  let after: number | undefined;
  const watch = {
    windowBegan: () => {
      before = processUse(server.pid)?.cpuMs;
    },
    windowEnded: () => {
      after = processUse(server.pid)?.cpuMs;
    },
  };
  try {
    const report = await runLoad({ ...plan, url: server.url }, { ...run, watch });
    const cpuMs = before === undefined || after === undefined ? undefined : after - before;
    const isCounted = cpuMs !== undefined && report.operationsInWindow > 0;
    const cpuMicrosPerOperation = isCounted ? (cpuMs * 1000) / report.operationsInWindow : undefined;
    return { ...report, cpuMicrosPerOperation, peakRssAnonMiB: memory.stop() };
  } finally {
    memory.stop();
  }
}
