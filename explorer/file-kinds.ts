/** What a file that somebody drops is, by its content: names can lie. */
import { parsePolicy, TlogError } from "../client/index.ts";
import { decodeUtf8, parseCheckpoint, parseNote } from "../client/inspect.ts";

export type FileKind = "receipt" | "evidence" | "checkpoint" | "policy" | "entry" | "large";

/** A file that was dropped, chosen or pasted. */
export interface GivenFile {
  readonly name: string;
  /** All of it, or, of a larger one, the beginning. */
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** Larger files cannot be entries, nor anything else that is verified here. */
export const MAX_FILE_BYTES = 1024 * 1024;

export function kindOf({ bytes, size }: Pick<GivenFile, "bytes" | "size">): FileKind {
  if (size > bytes.length) return "large";
  const start = new TextDecoder().decode(bytes.subarray(0, 64));
  if (start.startsWith("c2sp.org/tlog-proof@v1\n")) return "receipt";
  if (start.startsWith("bristlecone/tlog-evidence@v1\n")) return "evidence";
  if (parses(() => parseCheckpoint(decodeUtf8(parseNote(bytes).text)))) return "checkpoint";
  return parses(() => parsePolicy(bytes)) ? "policy" : "entry";
}

function parses(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
