/** `bristlecone serve` in a process of its own, on loopback, which may be ended at any moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { TlogError } from "../errors.ts";
import type { Place } from "./stage.ts";

export interface ServerOptions {
  /** The command line before the command. */
  readonly program: readonly string[];
  /** Its working directory, its home, and where it puts temporary files: no setting of the person who rehearses reaches it. */
  readonly folder: string;
  readonly place: Place;
  readonly keyFile: string;
  /** Further flags. */
  readonly flags?: readonly string[];
  /** Longest file it may write, in bytes: what is beyond is a failing write, as on a full disk. */
  readonly maxFileBytes?: number;
  readonly signal: AbortSignal;
}

export interface ServerProcess {
  readonly url: string;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM. @returns the exit code, or the signal that ended it */
  stop(): Promise<number | string>;
}

const LISTENS_WITHIN_MS = 600_000;
const ENDS_WITHIN_MS = 60_000;
const MAX_KEPT_CHARS = 8_192;
/** What `ulimit -f` counts in. POSIX. */
const FILE_BLOCK_BYTES = 512;

/** Starts a server and resolves when it listens. @throws {TlogError} CHECKUP_FAILED (it ended before that, with what it said) | ABORTED */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const server = launch(options);
  const listening = await Promise.race([server.listening, server.ended.then(() => undefined)]);
  if (listening !== undefined) return { url: listening, kill: server.kill, stop: server.stop };
  const how = await server.ended;
  if (options.signal.aborted) throw new TlogError("ABORTED", "stopped");
  throw new TlogError("CHECKUP_FAILED", `serve ended with ${how}: ${server.said() || "it said nothing"}`);
}

/** Starts a server and kills it after so long, listening or not. */
export async function killWhileStarting(options: ServerOptions, afterMs: number): Promise<void> {
  const server = launch(options);
  const timer = setTimeout(() => void server.kill(), afterMs);
  await server.ended.finally(() => clearTimeout(timer));
}

/** Another command of the program, to its end. */
export async function runCommand(
  args: readonly string[],
  { program, folder, signal }: Pick<ServerOptions, "program" | "folder" | "signal">,
): Promise<{ readonly code: number | string; readonly said: string }> {
  const child = spawnIn(folder, [...program, ...args]);
  const { ended, said, kill } = watched(child, signal);
  const stop = (): void => void kill();
  signal.addEventListener("abort", stop, { once: true });
  const code = await ended.finally(() => signal.removeEventListener("abort", stop));
  if (signal.aborted) throw new TlogError("ABORTED", "stopped");
  return { code, said: said() };
}

function launch(options: ServerOptions) {
  const { program, folder, place, keyFile, flags = [], maxFileBytes, signal } = options;
  const own = ["--listen", "127.0.0.1:0", "--data", place.data, "--key", keyFile, "--guard", place.guard];
  // There was room when the drill began. Of a flag that is given twice the last counts.
  const serve = [
    ...program,
    "serve",
    "--json",
    "--log-level",
    "warn",
    "--min-free-bytes",
    "0",
    ...own,
    ...flags,
  ];
  const child = spawnIn(folder, maxFileBytes === undefined ? serve : limited(maxFileBytes, serve));
  return watched(child, signal);
}

function limited(maxFileBytes: number, command: readonly string[]): readonly string[] {
  const blocks = Math.ceil(maxFileBytes / FILE_BLOCK_BYTES);
  return ["/bin/sh", "-c", `ulimit -f ${blocks} && exec "$@"`, "sh", ...command];
}

function spawnIn(folder: string, [file = "", ...args]: readonly string[]): ChildProcess {
  const env = { HOME: folder, TMPDIR: folder };
  return spawn(file, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

function watched(child: ChildProcess, signal: AbortSignal) {
  let said = ""; // owned by the listener below
  let told: (url: string) => void = () => undefined; // owned by `listening`
  const listening = new Promise<string>((resolve) => {
    told = resolve;
  });
  const end = (): void => void child.kill("SIGKILL");
  const late = setTimeout(end, LISTENS_WITHIN_MS);
  process.once("exit", end);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const ended = once(child, "close").then(
    ([code, by]): number | string => code ?? by,
    (error: unknown) => `no start: ${String(error)}`,
  );
  void ended.then(() => {
    clearTimeout(late);
    process.off("exit", end);
    signal.removeEventListener("abort", end);
  });
  let line = ""; // owned by the listener below
  child.stdout?.on("data", (text: Buffer) => {
    if (line.includes("\n")) return;
    line += text.toString();
    const url = line.includes("\n") ? urlIn(line) : undefined;
    if (url === undefined) return;
    clearTimeout(late);
    told(url);
  });
  child.stderr?.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-MAX_KEPT_CHARS);
  });
  const kill = async (): Promise<void> => {
    end();
    await ended;
  };
  const stop = async (): Promise<number | string> => {
    child.kill("SIGTERM");
    const hangs = setTimeout(end, ENDS_WITHIN_MS);
    return await ended.finally(() => clearTimeout(hangs));
  };
  return { listening, ended, said: () => said.trim(), kill, stop };
}

function urlIn(line: string): string | undefined {
  try {
    const welcome: unknown = JSON.parse(line.slice(0, line.indexOf("\n")));
    if (typeof welcome !== "object" || welcome === null || !("url" in welcome)) return undefined;
    return typeof welcome.url === "string" ? welcome.url : undefined;
  } catch {
    return undefined;
  }
}
