import type { Output } from "./output.ts";
import { openProgress, type Progress } from "./progress.ts";

/** How far a command is that goes through a log, or through the end of one. */
export interface EntriesProgress {
  start(work: { readonly from: number; readonly treeSize: number }): void;
  advance(done: { readonly treeSize: number; readonly bytes: number }): void;
  /** Up to which entry it came; undefined when it did not begin. */
  reached(): number | undefined;
  /** Takes the line away. */
  end(): void;
}

/** A bar of the entries, as they are counted in the log. */
export function openEntriesProgress(output: Output, now: () => number): EntriesProgress {
  let progress: Progress | undefined; // owned by start()
  let reached: number | undefined; // owned by advance()
  return {
    start({ from, treeSize }) {
      progress = openProgress(output, {
        totalBytes: undefined,
        totalEntries: treeSize,
        doneEntries: from,
        now,
      });
    },
    advance({ treeSize, bytes }) {
      reached = treeSize;
      progress?.advance({ entries: treeSize, bytes });
    },
    reached: () => reached,
    end: () => output.progressLine(""),
  };
}
