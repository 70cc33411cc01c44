import type { Verifying } from "../archive/verify-store.ts";
import type { Output } from "./output.ts";
import { openProgress, type Progress } from "./progress.ts";

/** How far a copy is, and then the reading of it. */
export interface CopyProgress {
  copied(done: { readonly bytes: number; readonly totalBytes: number }): void;
  verified(done: Verifying): void;
  /** Takes the line away. */
  end(): void;
}

/** First a bar of the bytes that are copied, then one of the entries that are read. */
export function openCopyProgress(output: Output, now: () => number): CopyProgress {
  let copying: Progress | undefined; // owned by copied()
  let verifying: Progress | undefined; // owned by verified()
  return {
    copied({ bytes, totalBytes }) {
      copying ??= openProgress(output, { totalBytes, now });
      copying.advance({ entries: 0, bytes });
    },
    verified(done) {
      verifying ??= openProgress(output, { totalBytes: undefined, totalEntries: done.totalEntries, now });
      verifying.advance(done);
    },
    end: () => output.progressLine(""),
  };
}
