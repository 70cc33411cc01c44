/** What a result is of: without it figures say nothing. */
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { newFolder } from "./script.ts";

export interface Machine {
  readonly at: string;
  /** With "-dirty" when files differ from it. */
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly pinning: string;
  readonly disk: DiskTime;
}

/** 4 KiB written over and fdatasync, one at a time. */
export interface DiskTime {
  readonly folder: string;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

const BLOCK_BYTES = 4096;
const BLOCKS = 256;
const SYNCS = 500;

export function describeMachine(pinning: string): Machine {
  return {
    at: new Date().toISOString(),
    commit: commitOf(join(import.meta.dirname, "..")),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    pinning,
    disk: measureDisk(),
  };
}

/** In the folder where the logs are made. */
function measureDisk(): DiskTime {
  const folder = newFolder();
  const file = openSync(join(folder, "sync"), "w");
  try {
    writeSync(file, Buffer.alloc(BLOCK_BYTES * BLOCKS));
    fsyncSync(file);
    const block = Buffer.alloc(BLOCK_BYTES, 1);
    const micros = Array.from({ length: SYNCS }, (_, at) => {
      const startedAt = performance.now();
      writeSync(file, block, 0, BLOCK_BYTES, (at % BLOCKS) * BLOCK_BYTES);
      fdatasyncSync(file);
      return (performance.now() - startedAt) * 1000;
    }).sort((a, b) => a - b);
    const at = (share: number): number => Math.round(micros[Math.floor(micros.length * share)] ?? 0);
    return { folder: join(folder, ".."), p50Micros: at(0.5), p99Micros: at(0.99) };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function commitOf(folder: string): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", ["-C", folder, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const isDirty = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
    return `${git("rev-parse", "--short=12", "HEAD").trim()}${isDirty ? "-dirty" : ""}`;
  } catch {
    return "unknown";
  }
}
