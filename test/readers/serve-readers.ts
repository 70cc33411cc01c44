/** `serve --readers` as people run it, and what tests ask of it. */
import { execFileSync } from "node:child_process";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { type RunningServe, startServe, temporaryDirectory } from "../cli/harness.ts";

export interface ReadersLog extends RunningServe {
  readonly adminUrl: string;
  /** Where it was started. */
  readonly directory: string;
  /** What it wrote to stderr so far. */
  readonly errors: () => string;
}

export async function startReaders(
  count: number,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadersLog> {
  const adminPort = await freePort();
  const admin = `127.0.0.1:${adminPort}`;
  const all = ["--readers", String(count), "--admin-listen", admin, "--log-format", "json", ...args];
  const directory = temporaryDirectory();
  const served = await startServe(directory, all, environment);
  let errors = "";
  served.child.stderr?.on("data", (text) => {
    errors += text;
  });
  return { ...served, directory, adminUrl: `http://${admin}`, errors: () => errors };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The processes of its readers. */
export function readerPids({ child }: ReadersLog): readonly number[] {
  try {
    const out = execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" });
    const own = out.split("\n").map((line) => Number(line.trim()));
    return own.filter((pid) => pid > 0 && isReader(pid));
  } catch {
    return [];
  }
}

function isReader(pid: number): boolean {
  try {
    return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).includes(
      "reader-process",
    );
  } catch {
    return false;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A request on a connection of its own, so that any reader may get it. */
export function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; agent?: Agent } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body = "", agent = new Agent() } = options;
    const asked = request(url, { method, headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
