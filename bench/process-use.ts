/** What processes use, as Linux counts it. Elsewhere everything is undefined. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const SAMPLE_MS = 200;

export interface ProcessUse {
  /** Of all threads, the ended ones too. */
  readonly cpuMs: number;
  /** Memory of the process's own, without files it maps. */
  readonly rssAnonMiB: number;
}

/** @returns what a process and its descendants have used; undefined when it is gone, or this is not Linux. */
export function processUse(pid: number): ProcessUse | undefined {
  let cpuMs = 0;
  let rssAnonMiB = 0;
  for (const member of familyOf(pid)) {
    const use = ownUse(member);
    if (use === undefined) continue;
    cpuMs += use.cpuMs;
    rssAnonMiB += use.rssAnonMiB;
  }
  return ownUse(pid) === undefined ? undefined : { cpuMs, rssAnonMiB };
}

/** Watches a server's memory until stopped. */
export function watchMemory(pid: number): { stop(): number | undefined } {
  let peak = processUse(pid)?.rssAnonMiB;
  const look = (): void => {
    const now = processUse(pid)?.rssAnonMiB;
    if (now !== undefined && (peak === undefined || now > peak)) peak = now;
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peak;
    },
  };
}

function familyOf(pid: number): readonly number[] {
  const family = [pid];
  for (let at = 0; at < family.length; at += 1) family.push(...childrenOf(family[at] ?? 0));
  return family;
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function ownUse(pid: number): ProcessUse | undefined {
  try {
    // The name in parentheses may hold anything; fields 14 and 15, utime and stime, are counted from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { cpuMs: (ticks * 1000) / ticksPerSecond(), rssAnonMiB: Number(anonymous ?? 0) / 1024 };
  } catch {
    return undefined;
  }
}

let knownTicks: number | undefined;

function ticksPerSecond(): number {
  knownTicks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return knownTicks;
}
