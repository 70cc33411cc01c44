import type { Output } from "./output.ts";

/** How far a long command is. */
export interface Advance {
  readonly entries: number;
  readonly bytes: number;
}

export interface Progress {
  /** Draws, at most ten times a second. */
  advance(now: Advance): void;
  /** Takes the line away. */
  end(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 100;

/** What there is to do, as far as it is known; without either there is no bar. */
export interface Whole {
  readonly totalBytes: number | undefined;
  /** Counts before `totalBytes`, and then the time that is left is shown. */
  readonly totalEntries?: number;
  /** Of these, entries that were done before it began. */
  readonly doneEntries?: number;
}

/** A line on stderr, only when a person watches: "[######----]  42%  25,250 entries  37.1 MiB  12,300/s  3 s left". */
export function openProgress(output: Output, whole: Whole & { readonly now: () => number }): Progress {
  const { now } = whole;
  const startedMs = now();
  let drawnMs = Number.NEGATIVE_INFINITY; // owned by advance()
  return {
    advance(done) {
      if (!output.isWatched || now() - drawnMs < REDRAW_MS) return;
      drawnMs = now();
      output.progressLine(progressText(done, { ...whole, elapsedMs: drawnMs - startedMs }));
    },
    end: () => output.progressLine(""),
  };
}

/** The line itself. */
export function progressText(
  { entries, bytes }: Advance,
  { totalBytes, totalEntries, doneEntries = 0, elapsedMs }: Whole & { readonly elapsedMs: number },
): string {
  const parts = [`${grouped(entries)} entries`, humanBytes(bytes)];
  const perMs = elapsedMs > 0 ? (entries - doneEntries) / elapsedMs : 0;
  if (elapsedMs > 0) parts.push(`${grouped(Math.round(perMs * 1000))}/s`);
  if (totalEntries !== undefined && totalEntries > 0) {
    parts.unshift(barText(entries / totalEntries));
    if (perMs > 0) parts.push(`${timeText((totalEntries - entries) / perMs)} left`);
  } else if (totalBytes !== undefined && totalBytes > 0) parts.unshift(barText(bytes / totalBytes));
  return parts.join("  ");
}

function barText(done: number): string {
  const share = Math.min(1, done);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)}%`;
}

/** 200000 → "3 min 20 s". */
function timeText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s`;
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 1234567 → "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** 38912345 → "37.1 MiB". */
export function humanBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}
