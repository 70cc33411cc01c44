/** What alerts tell of, caused: the pieces that conditions are made of. */
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { type RunningServe, startCli, startServe, temporaryDirectory } from "../cli/harness.ts";
import { buildDiskShim } from "../faults/shim.ts";

export type Job = "bristlecone-log" | "bristlecone-witness" | "bristlecone-monitor";

export interface Condition {
  readonly name: string;
  /** What has to fire; none: nothing may. */
  readonly alerts: readonly string[];
  /** Default: a log. */
  readonly job?: Job;
  /** Only in the long form. */
  readonly isLong?: true;
  /** Undefined: everything it wants is there; else what is missing. */
  readonly lacks?: () => string | undefined;
  /** Starts a server with this admin port and brings it into trouble. @returns what goes on doing so, every 200 ms. */
  cause(port: number): Promise<Trouble>;
}

export interface Trouble {
  again?(): Promise<void>;
  end(): void;
}

export const start = (
  port: number,
  args: readonly string[],
  cwd = temporaryDirectory(),
  environment: Readonly<Record<string, string>> = {},
) => startServe(cwd, ["--admin-listen", String(port), "--log-format", "json", ...args], environment);

export const ending = (...running: readonly { readonly child: ChildProcess }[]) => ({
  end: () => {
    for (const { child } of running) child.kill("SIGKILL");
  },
});

/** So many adds at once, whatever becomes of them. */
export async function add({ url }: Pick<RunningServe, "url">, { count = 1, bytes = 20 } = {}): Promise<void> {
  const one = () => ask(`${url}/add`, { method: "POST", body: `${Math.random()}`.padEnd(bytes, "x") });
  await Promise.all(Array.from({ length: count }, one));
}

/** @returns the status; 0: there was no answer. */
export async function ask(url: string, init: RequestInit = {}): Promise<number> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(5000) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

/** Real time: Prometheus has to look in between, and has no clock that a test could move. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Prometheus has to have seen a server before: what happened before anybody looked is not new. */
export const SEEN_MS = 4_500;

export interface RunningWitness {
  readonly child: ChildProcess;
  readonly url: string;
  readonly vkeys: readonly string[];
}

export async function startWitness(
  args: readonly string[],
  {
    cwd = temporaryDirectory(),
    environment = {},
  }: { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<RunningWitness> {
  const all = ["witness", "--listen", "127.0.0.1:0", "--json", "--log-format", "json", ...args];
  const child = startCli(all, cwd, { environment });
  child.stderr?.resume();
  const line = await new Promise<string>((found) =>
    child.stdout?.once("data", (text) => found(String(text))),
  );
  return { child, ...JSON.parse(line) };
}

let shim: { readonly library: string | undefined } | undefined; // owned by diskShim()

/** What makes disks fail and clocks be wrong in a process of its own. @returns undefined where there is no C compiler. */
export function diskShim(): string | undefined {
  shim ??= { library: buildDiskShim() };
  return shim.library;
}

export const lacksShim = () => (diskShim() === undefined ? "a C compiler" : undefined);

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
