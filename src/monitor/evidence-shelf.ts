import { TlogError } from "../errors.ts";
import type { WrongBytes } from "./wrong-bytes.ts";

/** Where what convicts a log, or may convict it later, is kept. Bounded: the first of a kind say as much as the thousandth. */
export interface EvidenceShelf {
  /**
   * Keeps a ".tlog-evidence" file.  spec/fork-evidence.md
   * @returns its path; undefined when this log's share is full. @throws {TlogError} FILE_UNWRITABLE
   */
  keepEvidence(origin: string, evidence: string): Promise<string | undefined>;
  /** The same of a signed checkpoint that nothing is proven of yet. */
  keepCheckpoint(origin: string, signedNote: Uint8Array): Promise<string | undefined>;
  /** It was of the log's history: makes room. @returns undefined. @throws {TlogError} FILE_UNWRITABLE */
  dropCheckpoint(origin: string, signedNote: Uint8Array): Promise<undefined>;
  /** The same of bytes that are not those that were signed. */
  keepWrongBytes(kept: WrongBytes): Promise<string | undefined>;
}

/** The paths of what was kept: what cannot be kept is told all the same. */
export async function keptFiles(
  keep: () => Promise<string | undefined>,
  warn: (error: TlogError) => void,
): Promise<readonly string[]> {
  try {
    const path = await keep();
    return path === undefined ? [] : [path];
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    warn(error);
    return [];
  }
}
