/** `serve` in a process of its own, which may end at any moment. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type Note, type Plan, planEnvironment } from "./server/failpoints.ts";

export interface StartAt {
  /** The program of `buildCrashingServer`. */
  readonly program: string;
  /** Its working directory; the log lives in `log` below it. */
  readonly folder: string;
  readonly args: readonly string[];
  readonly hasSmallRuns: boolean;
  readonly plan: Plan | undefined;
}

export interface LogProcess {
  readonly child: ChildProcess;
  readonly adminUrl: string;
  /** Undefined: it ended before it listened. */
  readonly listening: { readonly url: string; readonly vkey: string } | undefined;
  /** Resolves when it has ended: its exit code, or the signal. */
  readonly ended: Promise<number | string>;
  readonly errors: () => string;
}

/** Long, as a machine may do much else: what hangs is told apart from what is slow. */
const LISTENS_WITHIN_MS = 120_000;

/** Resolves when it listens, or has ended. */
export async function startLog({ program, folder, args, hasSmallRuns, plan }: StartAt): Promise<LogProcess> {
  const admin = `127.0.0.1:${await freePort()}`;
  const own = [
    "--listen",
    "127.0.0.1:0",
    "--admin-listen",
    admin,
    "--data",
    "log",
    "--origin",
    "example.com/crash",
  ];
  const child = spawn(
    process.execPath,
    [program, "serve", "--json", "--log-level", "warn", ...own, ...args],
    {
      cwd: folder,
      env: {
        ...environmentIn(folder),
        ...(hasSmallRuns && { CRASH_SMALL_RUNS: "yes" }),
        ...planEnvironment(plan),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const ended = once(child, "exit").then(([code, signal]): number | string => code ?? signal);
  const late = setTimeout(() => {
    errors += `it did not listen within ${LISTENS_WITHIN_MS} ms`;
    child.kill("SIGKILL");
  }, LISTENS_WITHIN_MS);
  const line = await Promise.race([firstLine(child), ended.then(() => undefined)]);
  clearTimeout(late);
  const listening = line === undefined ? undefined : welcome(line);
  return { child, adminUrl: `http://${admin}`, listening, ended, errors: () => errors };
}

/** `fsck` of what a server left. @returns undefined when all is right, else what it says. */
export async function fsck({
  program,
  folder,
  vkey,
}: Pick<StartAt, "program" | "folder"> & { readonly vkey: string }): Promise<string | undefined> {
  const args = [program, "fsck", "log", "--vkey", vkey, "--processes", "1"];
  const env = environmentIn(folder);
  const { status, stdout, stderr } = await new Promise<FsckEnd>((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code ?? error.signal), stdout, stderr });
    });
  });
  return status === 0 ? undefined : `fsck ends with ${status}: ${stdout}${stderr}`;
}

interface FsckEnd {
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a killed writer leaves of its readers' sockets is gone with the folder. */
function environmentIn(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, TMPDIR: folder };
}

/** What a server wrote down that ended as planned; undefined when it ended otherwise. */
export function readNote(path: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolved) => setTimeout(resolved, ms));
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

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((found) => {
    let text = "";
    child.stdout?.on("data", (piece) => {
      text += piece;
      if (text.includes("\n")) found(text);
    });
  });
}

function welcome(line: string): { readonly url: string; readonly vkey: string } {
  const { url, vkeys }: { readonly url: string; readonly vkeys: readonly string[] } = JSON.parse(line);
  return { url, vkey: vkeys[0] ?? "" };
}
