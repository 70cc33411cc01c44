import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Cores, pinned } from "./pinning.ts";
import { newFolder, spawnChild } from "./script.ts";

const ROOT = join(import.meta.dirname, "..");
/** The built command line. */
export const PROGRAM = join(ROOT, "dist/bin/main.js");
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

/** A server in a process of its own. */
export interface BenchServer {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** A log, and where it lies. */
export interface BenchLog extends BenchServer {
  readonly data: string;
}

export interface LogStart {
  /** More flags of `serve`. */
  readonly flags?: readonly string[];
  /** A data directory that stays; else a new one, removed at stop. */
  readonly data?: string | undefined;
  readonly cores?: Cores | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** The log as users run it: the built command line, LMDB, durable, exact duplicates. */
export async function startLog(options: LogStart = {}): Promise<BenchLog> {
  const { flags = [], cores, env } = options;
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run npm run build first`);
  const folder = options.data === undefined ? newFolder() : undefined;
  const data = options.data ?? join(folder ?? "", "data");
  const removeFolder = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  const port = await freePort();
  const args = ["serve", "--listen", `127.0.0.1:${port}`, "--data", data, "--log-level", "warn", ...flags];
  try {
    const server = await startServer([process.execPath, PROGRAM, ...args], {
      url: `http://127.0.0.1:${port}`,
      path: "/checkpoint",
      cores,
      env,
    });
    return { ...server, data, stop: () => server.stop().finally(removeFolder) };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** node:http that reads the body and answers, or answers a GET with 8 KiB, and does nothing else. */
export async function startPlainHttp(cores?: Cores): Promise<BenchServer> {
  const port = await freePort();
  return await startServer(
    [process.execPath, join(import.meta.dirname, "yardsticks/plain-http.mjs"), String(port)],
    { url: `http://127.0.0.1:${port}`, path: "/", cores },
  );
}

/** node:http that reads tiles out of a log's LMDB, and does nothing else. @param data - the log's directory; a server may have it open. */
export async function startStoreHttp(data: string, cores?: Cores): Promise<BenchServer> {
  const port = await freePort();
  return await startServer(
    [process.execPath, join(import.meta.dirname, "yardsticks/store-http.mjs"), String(port), data],
    { url: `http://127.0.0.1:${port}`, path: "/", cores },
  );
}

export interface ServerStart {
  /** Where it will listen; without a path. */
  readonly url: string;
  /** Any answer at this path counts as started. */
  readonly path: string;
  readonly cores?: Cores | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Runs any server until it answers. @throws {Error} when it ends, or does not answer within a minute. */
export async function startServer(command: readonly string[], start: ServerStart): Promise<BenchServer> {
  const startedAt = performance.now();
  const child = spawnChild(pinned(start.cores, command), {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...start.env },
  });
  passOnWarnings(child);
  try {
    await untilAnswering(`${start.url}${start.path}`, child);
  } catch (error) {
    await stop(child);
    throw error;
  }
  const startMs = performance.now() - startedAt;
  // taskset becomes the program it runs: the process is the server's.
  return { url: start.url, pid: child.pid ?? 0, startMs, stop: () => stop(child) };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** What every start of a log on one volume says, and every end, tells nothing here. */
function passOnWarnings(child: ChildProcess): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (!/GUARD_ON_SAME_VOLUME|^note: finishing/.test(line)) process.stderr.write(`${line}\n`);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(killing);
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  const endMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < endMs) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${url}: the server ended with ${child.exitCode ?? child.signalCode}`);
    }
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      await answer.arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error(`${url}: no answer within ${START_TIMEOUT_MS / 1000} s`);
}
