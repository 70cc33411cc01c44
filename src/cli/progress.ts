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

/**
 * A line on stderr, only when a person watches: "[######----]  42%  25,250 entries  37.1 MiB  12,300/s".
 * @param totalBytes - undefined when the input's size is not known; then there is no bar.
 */
export function openProgress(
  output: Output,
  { totalBytes, now }: { readonly totalBytes: number | undefined; readonly now: () => number },
): Progress {
  const startedMs = now();
  let drawnMs = Number.NEGATIVE_INFINITY; // owned by advance()
  return {
    advance(done) {
      if (!output.isWatched || now() - drawnMs < REDRAW_MS) return;
      drawnMs = now();
      output.progressLine(progressText(done, { totalBytes, elapsedMs: drawnMs - startedMs }));
    },
    end: () => output.progressLine(""),
  };
}

/** The line itself. */
export function progressText(
  { entries, bytes }: Advance,
  { totalBytes, elapsedMs }: { readonly totalBytes: number | undefined; readonly elapsedMs: number },
): string {
  const parts = [`${grouped(entries)} entries`, humanBytes(bytes)];
  if (elapsedMs > 0) parts.push(`${grouped(Math.round((entries * 1000) / elapsedMs))}/s`);
  if (totalBytes !== undefined && totalBytes > 0) {
    const share = Math.min(1, bytes / totalBytes);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
    parts.unshift(`[${bar}] ${String(Math.floor(share * 100)).padStart(3)}%`);
  }
  return parts.join("  ");
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
