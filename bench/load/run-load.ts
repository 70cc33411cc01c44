import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { type Cores, pinned } from "../pinning.ts";
import { spawnChild } from "../script.ts";
import { DRAIN_MS } from "./load.ts";
import { type LoadMessage, type LoadPlan, type LoadReport, loopbackAddress } from "./plan.ts";

const START_MS = 30_000;

export interface LoadWatch {
  /** The measured window begins, a moment ago. */
  windowBegan?(): void;
  windowEnded?(): void;
}

/**
 * Loads a server from a process of its own.
 * @param run.cores - where the generator runs; undefined: anywhere.
 * @param run.signal - ends it.
 * @throws {RangeError} an address that is not this machine's loopback.
 */
export async function runLoad(
  plan: LoadPlan,
  run: {
    readonly cores?: Cores | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly watch?: LoadWatch;
  } = {},
): Promise<LoadReport> {
  loopbackAddress(plan.url);
  run.signal?.throwIfAborted();
  const command = pinned(run.cores, [
    process.execPath,
    "--import",
    import.meta.resolve("tsx"),
    join(import.meta.dirname, "generator.ts"),
    JSON.stringify(plan),
  ]);
  const child = spawnChild(command, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const kill = (): void => void child.kill("SIGKILL");
  const limit = setTimeout(kill, plan.warmupMs + plan.durationMs + DRAIN_MS + START_MS);
  run.signal?.addEventListener("abort", kill, { once: true });
  try {
    return await reportOf(child, run.watch ?? {});
  } finally {
    clearTimeout(limit);
    run.signal?.removeEventListener("abort", kill);
    kill();
  }
}

function reportOf(child: ChildProcess, watch: LoadWatch): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    child.on("message", (message: LoadMessage) => {
      if (message.kind === "window-began") watch.windowBegan?.();
      else if (message.kind === "window-ended") watch.windowEnded?.();
      else if (message.kind === "report") resolve(message.report);
      else reject(new Error(`the load generator failed: ${message.message}`));
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => reject(new Error(`the load generator ended: ${code ?? signal}`)));
  });
}
