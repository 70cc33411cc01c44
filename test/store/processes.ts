/** Processes for the durability tests: a store in a child, with a library preloaded that holds or fails its syncs. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

const SHIM = fileURLToPath(new URL("./sync-shim.c", import.meta.url));

export type Message = Readonly<Record<string, unknown>>;

export interface Child {
  readonly messages: readonly Message[];
  send(line: string): void;
  /** The next message that was not taken yet. Rejects when the child ends instead. */
  next(): Promise<Message>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** Resolves when the process ended by itself, to its exit code. */
  ended(): Promise<number | null>;
  readonly pid: number;
}

/** Starts child.ts. @param shim - what `buildShim` gave; its switches are files in `switches`. */
export function startChild(
  role: "write" | "witness" | "read" | "lock" | "lock-only",
  directory: string,
  shim?: { readonly library: string; readonly switches: string },
): Child {
  const env =
    shim === undefined ? process.env : { ...process.env, LD_PRELOAD: shim.library, SYNC_SHIM: shim.switches };
  const child = spawn(process.execPath, [join(inject("programs"), "child.js"), role, directory], {
    env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  return childOf(child);
}

function childOf(child: ChildProcess): Child {
  const messages: Message[] = [];
  let taken = 0;
  let wake = (): void => undefined;
  let ended: string | undefined;
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  if (child.stdout === null) throw new Error("no stdout");
  createInterface({ input: child.stdout }).on("line", (line) => {
    messages.push(JSON.parse(line));
    wake();
  });
  const gone = new Promise<number | null>((resolve) => {
    child.once("exit", (code, signal) => {
      ended = `the child ended: ${code ?? signal}\n${stderr}`;
      wake();
      resolve(code);
    });
  });
  return {
    messages,
    pid: child.pid ?? 0,
    send: (line) => void child.stdin?.write(`${line}\n`),
    async next() {
      while (taken >= messages.length) {
        if (ended !== undefined) throw new Error(ended);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return messages[taken++] ?? {};
    },
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
    ended: () => gone,
  };
}

/** Compiles the preloaded library. @returns undefined, with a notice, where that is not possible. */
export function buildShim(parent: string): string | undefined {
  const library = join(parent, "sync-shim.so");
  try {
    if (process.platform !== "linux") throw new Error(`no LD_PRELOAD on ${process.platform}`);
    execFileSync("cc", ["-shared", "-fPIC", "-o", library, SHIM, "-ldl"], { stdio: "pipe" });
    return library;
  } catch (error) {
    console.warn(`skipped: the tests that hold and fail fdatasync need cc (${String(error)})`);
    return undefined;
  }
}

export interface Switches {
  readonly path: string;
  on(name: "hold-data" | "hold-meta" | "fail-data" | "fail-meta"): Promise<void>;
  off(name: "hold-data" | "hold-meta" | "fail-data" | "fail-meta"): Promise<void>;
  /** Resolves when the child waits in a held call. */
  untilHeld(stage: "data" | "meta"): Promise<void>;
}

export async function makeSwitches(parent: string): Promise<Switches> {
  const path = join(parent, "switches");
  await mkdir(path);
  return {
    path,
    on: (name) => writeFile(join(path, name), ""),
    off: (name) => rm(join(path, name)),
    untilHeld: (stage) => until(() => existsSync(join(path, `held-${stage}`))),
  };
}

/** Polls, because what it waits for is in another process. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}
