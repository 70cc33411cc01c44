import { join } from "node:path";
import { TlogError } from "../errors.ts";
import type { KeptHeads } from "../http/past-heads.ts";
import { readSmallFile, replaceFile } from "./files.ts";

/** Lies in the data directory, as what was told to webhooks does. */
const HEADS_FILE = "explorer.state";
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Heads of a log from before this start, for the explorer's picture of its growth. spec/storage.md
 * @param signal - ends it: from then on the directory may be another process's.
 */
export async function openKeptHeads(data: string, signal: AbortSignal): Promise<KeptHeads> {
  const path = join(data, HEADS_FILE);
  const text = await readSmallFile(path, { maxBytes: MAX_FILE_BYTES }).then(
    (bytes) => new TextDecoder().decode(bytes),
    nothing,
  );
  return {
    text,
    save: async (written) => {
      if (!signal.aborted) await replaceFile(path, written).catch(nothing);
    },
  };
}

/** A disk that cannot be written has alarms of its own. */
function nothing(error: unknown): undefined {
  if (!(error instanceof TlogError)) throw error;
}
