import { readFileSync } from "node:fs";

/** The most memory that was ever resident of a process, files that it has mapped included, as Linux counts it. NaN where it does not tell. */
export function peakResidentMiB(pid: number): number {
  try {
    return parsePeak(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return Number.NaN;
  }
}

/** @param status - proc(5), /proc/PID/status. */
export function parsePeak(status: string): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? Number.NaN : Number(kibibytes) / 1024;
}
