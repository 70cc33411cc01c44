import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** A server in a process of its own. */
export interface BenchServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The log as users run it: the built command line, LMDB in a new directory, durable, exact duplicates. @param more - flags of `serve`. */
export async function startLog(more: readonly string[] = []): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), "bristlecone-bench-"));
  const port = await freePort();
  const server = await start(
    [
      join(ROOT, "dist/src/cli/main.js"),
      "serve",
      "--listen",
      `127.0.0.1:${port}`,
      "--data",
      join(folder, "data"),
      ...more,
    ],
    `http://127.0.0.1:${port}`,
  );
  return {
    url: server.url,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** node:http that reads the body and answers, and does nothing else. */
export async function startYardstick(): Promise<BenchServer> {
  const port = await freePort();
  return await start([join(import.meta.dirname, "yardstick.mjs"), String(port)], `http://127.0.0.1:${port}`);
}

async function start(args: readonly string[], url: string): Promise<BenchServer> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  await untilAnswering(url, child);
  return {
    url,
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`${url}: the server ended with ${child.exitCode}`);
    try {
      await fetch(`${url}/checkpoint`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`${url}: no answer within 10 s`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
