/** Runs in the system's memory from the start on: a batch asks each of them for some dozen pages, anywhere. */
import { type FileHandle, open } from "node:fs/promises";
import type { Run } from "./run.ts";
import { PAGE_BYTES } from "./run-format.ts";

const PIECE_BYTES = 1_048_576;

/**
 * Has the system read the pages of runs, those of the smallest first: each run is asked for every hash, so these give most for their
 * bytes. Never rejects: a run that is gone was merged, and of one that cannot be read who needs it is told.
 * @param options.maxBytes - the first run that exceeds it, and those behind it, are left on the disk.
 * @param options.signal - ends it.
 * @returns how many bytes were read.
 */
export async function warmUp(
  runs: readonly Pick<Run, "path" | "layout">[],
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<number> {
  const piece = new Uint8Array(PIECE_BYTES);
  let warmed = 0;
  for (const { path, layout } of runs.toSorted((a, b) => a.layout.fileBytes - b.layout.fileBytes)) {
    const end = layout.fencesAt;
    if (signal.aborted || warmed + end - PAGE_BYTES > maxBytes) break;
    warmed += await readFile(path, { piece, end, signal }).catch(() => 0);
  }
  return warmed;
}

interface ReadPlan {
  readonly piece: Uint8Array;
  readonly end: number;
  readonly signal: AbortSignal;
}

async function readFile(path: string, plan: ReadPlan): Promise<number> {
  const file = await open(path, "r");
  try {
    return await readPages(file, plan);
  } finally {
    await file.close();
  }
}

async function readPages(file: FileHandle, { piece, end, signal }: ReadPlan): Promise<number> {
  let at = PAGE_BYTES;
  while (at < end && !signal.aborted) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at - PAGE_BYTES;
}
