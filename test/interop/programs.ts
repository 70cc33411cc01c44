/** Other people's programs, as install.sh puts them into a folder outside the repository, run for the length of a test. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { delimiter, join, relative, sep } from "node:path";
import { COMMANDS, record } from "./program-record.ts";
import { noteBegan, noteEnded } from "./run-folder.ts";

/** As install.sh has it. */
const FOLDER =
  process.env.BRISTLECONE_INTEROP_BIN ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bristlecone-interop");
const START_TIMEOUT_MS = 30_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Whether there is time for larger trees and longer runs: `npm run test:interop:full`. */
export const isFull = process.env.BRISTLECONE_INTEROP === "full";

export function programPath(name: string): string {
  return join(FOLDER, name);
}

/** Of an installed program: what stands in the file beside it. */
export function programVersion(name: string): string {
  return readFileSync(join(FOLDER, `${name}.version`), "utf8").trim();
}

/** Whether a program is missing, here and among the machine's commands, after saying so: what needs it skips. */
export function lacks(...names: readonly string[]): boolean {
  const missing = names.filter((name) => !isInstalled(name) && !isCommand(name));
  record({ asked: names.map(ownName), missing: missing.map(ownName) });
  if (missing.length > 0) {
    process.stdout.write(`${missing.join(", ")}: skipped, not in ${FOLDER} (test/interop/install.sh)\n`);
  }
  return missing.length > 0;
}

/** One without a version was only half installed. */
function isInstalled(name: string): boolean {
  return isExecutable(join(FOLDER, name)) && isReadable(join(FOLDER, `${ownName(name)}.version`));
}

/** Only what is asked for as one: a machine has an fsck of its own. */
function isCommand(name: string): boolean {
  if (!COMMANDS.has(name)) return false;
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

/** What has a folder of its own there is named by it: "python/bin/python" is "python". */
function ownName(path: string): string {
  return path.split(sep)[0] ?? path;
}

/** Notes that a program of the folder is run. */
function recordRun(path: string): void {
  const name = ownName(relative(FOLDER, path));
  if (name === "..") return;
  const version = join(FOLDER, `${name}.version`);
  record({
    ran: name,
    version: isReadable(version) ? readFileSync(version, "utf8").trim() : "of no version",
  });
}

function isReadable(path: string): boolean {
  return isAccessible(path, constants.R_OK);
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  readonly timeoutMs?: number;
}

/** Runs a program to its end, whatever that is. @param path - of an installed one, or of a command the machine has. */
export async function run(
  path: string,
  args: readonly string[],
  { env = {}, input, timeoutMs = 120_000 }: RunOptions = {},
): Promise<Ended> {
  recordRun(path);
  return await new Promise((resolve) => {
    const child = execFile(
      path,
      args,
      { env: { ...process.env, ...env }, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: MAX_OUTPUT },
      (error, stdout, stderr) => {
        noteEnded(child.pid);
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code, stdout, stderr });
      },
    );
    noteBegan(child.pid);
    child.stdin?.on("error", () => {}); // a program that ends without reading
    child.stdin?.end(input);
  });
}

/** Runs a program that has to succeed. */
export async function runWell(
  path: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(path, args, options);
  if (code !== 0) throw new Error(`${path} ${args.join(" ")}: ended with ${code}\n${stderr}`);
  return stdout;
}

export interface RunningProgram {
  /** What it wrote so far, both streams. */
  readonly output: () => string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts a program that serves.
 * @param options.url - answers as soon as the program is ready, with any status.
 */
export async function start(
  path: string,
  args: readonly string[],
  { env = {}, url }: { readonly env?: Readonly<Record<string, string>>; readonly url?: string } = {},
): Promise<RunningProgram> {
  recordRun(path);
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString("utf8")).slice(-64 * 1024);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("error", (error) => keep(Buffer.from(error.message)));
  noteBegan(child.pid);
  child.on("exit", () => noteEnded(child.pid));
  if (url !== undefined) await untilAnswering(url, child, () => text);
  return {
    output: () => text,
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Waits until a running program has written these words. */
export async function untilItWrites(
  { output }: Pick<RunningProgram, "output">,
  words: string,
  { timeoutMs = START_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!output().includes(words)) {
    if (Date.now() > end) throw new Error(`it never wrote "${words}", but\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilAnswering(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const end = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < end && child.exitCode === null && child.signalCode === null) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  child.kill("SIGKILL");
  throw new Error(`${url}: no answer (ended with ${child.exitCode ?? child.signalCode})\n${output()}`);
}

/** A port nobody listens on, until somebody takes it. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
