/** A tree of the same leaves built in memory by one thread, node:crypto's fastest hash, nothing kept: what POST /add-batch is held against. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Cores, pinned } from "./pinning.ts";

const SCRIPT = join(import.meta.dirname, "yardsticks/tree.mjs");

/** Operations are leaves. */
export interface TreeRun {
  readonly perSecond: number;
  readonly cpuMicrosPerOperation: number;
}

export async function buildTree(plan: {
  readonly entryBytes: number;
  /** Hashed level by level, as many leaves at a time. */
  readonly batchEntries: number;
  readonly seconds: number;
  readonly cores: Cores | undefined;
  readonly signal?: AbortSignal;
}): Promise<TreeRun> {
  const numbers = [plan.entryBytes, plan.batchEntries, plan.seconds].map(String);
  const [program = "", ...args] = pinned(plan.cores, [process.execPath, SCRIPT, ...numbers]);
  const { stdout } = await promisify(execFile)(program, args, { signal: plan.signal });
  const run: TreeRun = JSON.parse(stdout);
  return run;
}
