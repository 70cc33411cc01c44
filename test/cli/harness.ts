import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { runCli } from "../../src/cli/run.ts";

export interface Result {
  readonly code: number | null;
  readonly signal?: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as bytes. */
  readonly bytes: Buffer;
}

/** Gone after the run. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(inject("scratch"), "cli-"));
}

/** Runs the real command in a process of its own. */
export function spawnCli(
  args: readonly string[],
  { cwd, stdin = "" }: { cwd: string; stdin?: string | Uint8Array },
): Promise<Result> {
  const child = startCli(args, cwd);
  child.stdin?.end(stdin);
  return resultOf(child);
}

type Environment = Readonly<Record<string, string>>;

/** Starts the real command; the environment holds no setting of the person who runs the tests. */
export function startCli(
  args: readonly string[],
  cwd: string,
  { stdout = "pipe", environment = {} }: { stdout?: "pipe" | number; environment?: Environment } = {},
): ChildProcess {
  const env = { PATH: process.env.PATH, HOME: cwd, XDG_STATE_HOME: join(cwd, "state"), ...environment };
  return spawn(process.execPath, [join(inject("programs"), "main.js"), ...args], {
    cwd,
    env,
    stdio: ["pipe", stdout, "pipe"],
  });
}

export function resultOf(child: ChildProcess): Promise<Result> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on("data", (chunk) => out.push(chunk));
  child.stderr?.on("data", (chunk) => err.push(chunk));
  return new Promise((done) => {
    child.on("close", (code, signal) => {
      const bytes = Buffer.concat(out);
      done({ code, signal, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() });
    });
  });
}

/** What `serve --json` prints once it listens. */
export interface Served {
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly url: string;
  readonly treeSize: number;
}

export interface RunningServe extends Served {
  readonly child: ChildProcess;
  readonly vkey: string;
  /** Everything up to the end of the process. */
  readonly result: Promise<Result>;
}

/** Starts `serve` on a free port in `cwd` and waits until it listens. */
export async function startServe(
  cwd: string,
  args: readonly string[] = [],
  environment: Environment = {},
): Promise<RunningServe> {
  const child = startCli(["serve", "--listen", "127.0.0.1:0", "--json", ...args], cwd, { environment });
  const result = resultOf(child);
  const line = await new Promise<string>((found, failed) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) found(text);
    });
    void result.then(({ code, stderr }) => failed(new Error(`serve ended with ${code}: ${stderr}`)));
  });
  const served: Served = JSON.parse(line);
  return { ...served, child, result, vkey: served.vkeys[0] ?? "" };
}

/** Ends a `serve` as Ctrl-C does. */
export async function stopServe({ child, result }: RunningServe): Promise<Result> {
  child.kill("SIGINT");
  return result;
}

export class Collected extends EventEmitter {
  readonly chunks: Uint8Array[] = [];
  isTTY = false;
  columns = 0;
  write(chunk: string | Uint8Array): boolean {
    this.chunks.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
    this.emit("written", chunk);
    return true;
  }
}

/** A log in this process: quick to start. */
export interface ServedHere extends Served {
  readonly vkey: string;
  /** Ends it as Ctrl-C does. */
  stop(): Promise<Result>;
}

/** Runs `serve` in this process, on a free port, with the data in `cwd`/data. */
export async function serveHere(cwd: string, args: readonly string[] = []): Promise<ServedHere> {
  const { line, stop } = await runHere(["serve", "--data", join(cwd, "data"), ...args]);
  const served: Served = JSON.parse(line);
  return { ...served, vkey: served.vkeys[0] ?? "", stop };
}

/** A witness in this process. */
export interface WitnessHere {
  readonly name: string;
  readonly vkeys: readonly string[];
  readonly url: string;
  /** Ends it as Ctrl-C does. */
  stop(): Promise<Result>;
}

/** Runs `witness` in this process, on a free port, with the data in `cwd`/witness. */
export async function witnessHere(cwd: string, args: readonly string[] = []): Promise<WitnessHere> {
  const { line, stop } = await runHere(["witness", "--data", join(cwd, "witness"), ...args]);
  const witness: Omit<WitnessHere, "stop"> = JSON.parse(line);
  return { ...witness, stop };
}

/** Starts a command that runs until it is stopped, and waits for its first line. */
async function runHere(argv: readonly string[]): Promise<{ readonly line: string; stop(): Promise<Result> }> {
  const interrupt = new AbortController();
  const stdout = new Collected();
  const written = new Promise<string>((found) => stdout.once("written", found));
  const [command = "", ...rest] = argv;
  const result = callCli([command, "--listen", "127.0.0.1:0", "--json", ...rest], {
    signal: interrupt.signal,
    stdout,
  });
  const line = await Promise.race([written, result.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
  const stop = () => {
    interrupt.abort(130);
    return result;
  };
  return { line, stop };
}

/** Runs the command in this process: quick, and the same code but for `main.ts`. */
export async function callCli(
  argv: readonly string[],
  options: {
    stdin?: string | Uint8Array;
    environment?: Record<string, string>;
    signal?: AbortSignal;
    isTTY?: boolean;
    /** Of a terminal that stdout is. */
    columns?: number;
    stdout?: Collected;
  } = {},
): Promise<Result> {
  const stdout = options.stdout ?? new Collected();
  stdout.isTTY = options.columns !== undefined;
  stdout.columns = options.columns ?? 0;
  const stderr = new Collected();
  stderr.isTTY = options.isTTY ?? false;
  const stdin = options.stdin ?? "";
  const code = await runCli({
    argv,
    stdin: chunksOf(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin),
    stdout,
    stderr,
    environment: options.environment ?? {},
    signal: options.signal ?? new AbortController().signal,
    now: () => performance.now(),
  });
  const bytes = Buffer.concat(stdout.chunks);
  return { code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(stderr.chunks).toString() };
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.slice(start, start + 65_536);
}
