/** What a process costs, as Linux counts it: /proc/PID/stat and /proc/PID/status. */
import { readFileSync } from "node:fs";

export interface Usage {
  /** User and system time of all its threads so far. */
  readonly cpuSeconds: number;
  /** Anonymous memory now: what is its own, without the files it has mapped. */
  readonly rssAnonBytes: number;
  /** Resident memory now, mapped files included. */
  readonly rssBytes: number;
  /** The most that was ever resident. */
  readonly peakRssBytes: number;
}

/** USER_HZ, 100 on every Linux that Node runs on: proc(5). */
const TICKS_PER_SECOND = 100;

/** @throws {Error} the process is gone, or this is no Linux. */
export function usageOf(pid: number): Usage {
  return parseUsage(readFileSync(`/proc/${pid}/stat`, "utf8"), readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** @param stat - proc(5), /proc/PID/stat: the name in parentheses may hold anything. @param status - /proc/PID/status. */
export function parseUsage(stat: string, status: string): Usage {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15, counted from the pid as 1; the first after the name is 3.
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isSafeInteger(ticks)) throw new Error(`/proc/PID/stat: no times in "${stat}"`);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    rssAnonBytes: kibibytes(status, "RssAnon"),
    rssBytes: kibibytes(status, "VmRSS"),
    peakRssBytes: kibibytes(status, "VmHWM"),
  };
}

function kibibytes(status: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (found === undefined) throw new Error(`/proc/PID/status: no ${name}`);
  return Number(found) * 1024;
}

/** What it cost between two moments. */
export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The most that was seen at one moment. */
  readonly maxRssAnonBytes: number;
  readonly maxRssBytes: number;
}

/** Looks at processes every 200 ms, and adds them up, until asked what they cost. */
export function watchCost(...pids: readonly number[]): () => Cost {
  const startedAt = performance.now();
  const now = (): Usage => pids.map(usageOf).reduce(sum);
  const before = now();
  let maxRssAnonBytes = before.rssAnonBytes;
  let maxRssBytes = before.rssBytes;
  const look = (): Usage => {
    const usage = now();
    maxRssAnonBytes = Math.max(maxRssAnonBytes, usage.rssAnonBytes);
    maxRssBytes = Math.max(maxRssBytes, usage.rssBytes);
    return usage;
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      clearInterval(timer); // it ended: whoever asks at the end is told
    }
  }, 200);
  return () => {
    clearInterval(timer);
    const cpuSeconds = look().cpuSeconds - before.cpuSeconds;
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds, maxRssAnonBytes, maxRssBytes };
  };
}

function sum(one: Usage, other: Usage): Usage {
  return {
    cpuSeconds: one.cpuSeconds + other.cpuSeconds,
    rssAnonBytes: one.rssAnonBytes + other.rssAnonBytes,
    rssBytes: one.rssBytes + other.rssBytes,
    peakRssBytes: one.peakRssBytes + other.peakRssBytes,
  };
}
