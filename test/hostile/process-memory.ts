import { readFileSync, writeFileSync } from "node:fs";

const KIB_PER_MIB = 1024;

/** What a process holds now, in MiB. Linux. */
export function residentMib(pid: number): number {
  return field(pid, "VmRSS");
}

/** The most it held since {@link forgetPeak}, in MiB. */
export function peakMib(pid: number): number {
  return field(pid, "VmHWM");
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** What it computed so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const TICKS_PER_SECOND = 100;

function field(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [, kib = "0"] = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status) ?? [];
  return Math.round(Number(kib) / KIB_PER_MIB);
}
