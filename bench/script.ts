/** What a script of the bench starts and makes on the way, and how all of it goes when the script ends, however it does. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { hasCommand } from "./pinning.ts";

const END_MS = 20_000;
const UNWIND_MS = 5_000;
const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** As a shell has it for a program that wrote to a closed pipe. */
const CLOSED_STDOUT_CODE = 141;

const children = new Set<ChildProcess>();
const folders = new Set<string>();
let isEnding = false;
let hasSetpriv: boolean | undefined;

/**
 * Starts a program that ends with this process: by `runScript`, and where setpriv of util-linux is there by the system, so that even
 * SIGKILL leaves nothing running. setpriv becomes the program: the process is the program's.
 */
export function spawnChild(command: readonly string[], options: SpawnOptions): ChildProcess {
  if (isEnding) throw new Error("interrupted");
  hasSetpriv ??= process.platform === "linux" && hasCommand("setpriv");
  const [program = "", ...args] = hasSetpriv ? ["setpriv", "--pdeathsig", "TERM", ...command] : command;
  const child = spawn(program, args, options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", () => children.delete(child));
  return child;
}

/** A folder that its maker removes; else it goes when the script ends. @param parent - default: BRISTLECONE_BENCH_DIR, the temporary folder. */
export function newFolder(parent = process.env.BRISTLECONE_BENCH_DIR ?? tmpdir()): string {
  const folder = mkdtempSync(join(parent, "bristlecone-bench-"));
  folders.add(folder);
  return folder;
}

/**
 * Runs a script and ends this process with its code; 129, 130, 143 or 141 when a signal or a closed stdout came first, 1 when it throws.
 * Its children are ended and its folders removed in every case.
 * @param main - gets a signal that aborts when it should end; it may also just fail, since its servers go.
 */
export async function runScript(main: (signal: AbortSignal) => Promise<number>): Promise<never> {
  const stopping = new AbortController();
  const interrupted = firstInterrupt();
  process.once("exit", dropAll);
  const finished = main(stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) process.stderr.write(`${errorText(error)}\n`);
    return 1;
  });
  const first = await Promise.race([finished, interrupted.then((code) => ({ code }))]);
  isEnding = true;
  if (typeof first === "number") {
    await endChildren();
    process.exit(first);
  }
  process.stderr.write("stopping the servers\n");
  stopping.abort(new Error("interrupted"));
  await endChildren();
  await Promise.race([finished, pause(UNWIND_MS)]);
  process.exit(first.code);
}

/** Later ones are ignored: npm passes on what the terminal has sent to all. */
function firstInterrupt(): Promise<number> {
  return new Promise((resolve) => {
    for (const [name, code] of Object.entries(SIGNAL_CODES)) process.on(name, () => resolve(code));
    process.stdout.on("error", () => resolve(CLOSED_STDOUT_CODE));
    // Nobody to tell that nobody can be told.
    process.stderr.on("error", () => {});
  });
}

async function endChildren(): Promise<void> {
  for (const child of children) child.kill("SIGTERM");
  const endMs = performance.now() + END_MS;
  while (children.size > 0 && performance.now() < endMs) await pause(10);
}

/** At the exit, where nothing can be waited for. */
function dropAll(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
