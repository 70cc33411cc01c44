/** The port of a witness's storage: one head a log, every head ever cosigned, and the evidence it holds. */
import type { CompactRange } from "../merkle/compact-range.ts";
import type { WriterIdentity } from "./store.ts";

/** The newest head a witness cosigned for a log. */
export interface CosignedHead {
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** POSIX seconds of the newest cosignature. */
  readonly timestampSeconds: number;
  /** What monitors are served: the log's signatures that were verified, and the witness's own of `timestampSeconds`. */
  readonly signedNote: Uint8Array;
}

/** One cosignature, for ever: what the witness put its name to, and the log's signature that made it do so. */
export interface CosignedRow {
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** POSIX seconds. Of one log, no two rows have the same size and time, and a larger size never has an earlier time. */
  readonly timestampSeconds: number;
  /** The checkpoint with one signature of the log; undefined when the first row of this size holds it (a fresh timestamp only). */
  readonly logNote: Uint8Array | undefined;
}

/** A step of one log: from the head somebody read to the next. */
export interface HeadUpdate {
  readonly origin: string;
  /** What the head must still be: undefined when the witness never cosigned for this log. */
  readonly expected: CosignedHead | undefined;
  readonly next: CosignedHead;
  /** The log's note of the row this step adds; see {@link CosignedRow.logNote}. */
  readonly logNote: Uint8Array | undefined;
}

/** What the store says of a piece of evidence without reading its file. */
export interface EvidenceEntry {
  /** 64 lowercase hex digits: SHA-256 of the statement. spec/fork-evidence.md */
  readonly id: string;
  readonly origin: string;
  /** A kind of spec/fork-evidence.md. */
  readonly kind: string;
  /** Whether it convicts the log, which is then cosigned no more. Evidence against a witness does not. */
  readonly convictsLog: boolean;
  /** POSIX seconds. */
  readonly receivedAtSeconds: number;
}

/** Evidence as it lies in the store: verified before it came here. */
export interface StoredEvidence extends EvidenceEntry {
  /** The file. */
  readonly evidence: Uint8Array;
}

/**
 * How old rows are thinned. POSIX time is cut into spans of `keepEverySeconds`; of a span that is older than `olderThanSeconds`
 * as a whole, three rows stay at most: the first, the last, and the first of the last one's size, which holds its note.
 * Of several rules that fit, the one with the largest `olderThanSeconds` counts.
 */
export interface ThinningRule {
  /** 0 or more. */
  readonly olderThanSeconds: number;
  /** 1 or more. */
  readonly keepEverySeconds: number;
}

/** All rows for 30 days, then two or three an hour for a year, then two or three a day. What that takes: spec/storage.md */
export const DEFAULT_THINNING: readonly ThinningRule[] = Object.freeze([
  { olderThanSeconds: 30 * 86_400, keepEverySeconds: 3600 },
  { olderThanSeconds: 365 * 86_400, keepEverySeconds: 86_400 },
]);

/** Names a row of one log. */
export interface RowPosition {
  readonly treeSize: number;
  readonly timestampSeconds: number;
}

/** What one call of `thin` did. */
export interface ThinningStep {
  readonly removed: number;
  /** Where the next call goes on; undefined: it was the last. */
  readonly next: RowPosition | undefined;
}

/** Longest `signedNote` or `logNote`, in bytes: more than a request and the witness's own signatures make. */
export const MAX_STORED_NOTE_BYTES = 262_144;
/** How much evidence is kept about one log: so many that convict it, and as many that do not. More says no more. */
export const MAX_EVIDENCE_PER_LOG = 16;
/** Most rows one call of `rows` returns. */
export const MAX_ROWS = 1000;

/** Reading: any number of processes. Returned bytes belong to the caller. */
export interface WitnessReader {
  readonly name: string;
  /**
   * The journal: a Merkle tree (RFC 6962) with one leaf a row ever added, in order of addition, thinned rows included. Its size
   * and root are what the guard remembers.
   */
  journal(): Promise<CompactRange>;
  head(origin: string): Promise<CosignedHead | undefined>;
  /** Origins with a head, in bytewise order. */
  origins(): Promise<readonly string[]>;
  /**
   * Rows of sizes fromSize to toSize, both included, ascending: at most `limit`, at most 1,000, and fewer, though at least
   * one, when their notes pass 1 MiB. The first row of a size holds its note.
   * @param range.after - go on behind this row.
   * @returns nothing only when there are no more.
   */
  rows(
    origin: string,
    range: {
      readonly fromSize: number;
      readonly toSize: number;
      readonly limit: number;
      readonly after?: RowPosition;
    },
  ): Promise<readonly CosignedRow[]>;
  /** What evidence there is about a log, in the order it was added: at most 32. No file is read. */
  evidence(origin: string): Promise<readonly EvidenceEntry[]>;
  /** One file, at most 512 KiB; undefined when there is none. @param id - 64 lowercase hex digits. */
  evidenceFile(origin: string, id: string): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Writing: one process. Each method resolves only when its effect is durable, and its effect is visible only then. */
export interface WitnessStore extends WitnessReader {
  readonly writer: WriterIdentity;
  /** As LogStore.adoptLineage. */
  adoptLineage(token: string): Promise<void>;
  /**
   * Applies each update whose `expected` is what the store holds (size, root and timestamp), all of those in one transaction.
   * Each adds one row and one journal leaf, unless size, root and timestamp stay as they are: then only `signedNote` is
   * replaced. Two updates of one origin in one call are applied in order. An update to another size needs a `logNote`.
   * @returns for each update, whether it was applied.
   * @throws {TlogError} SIGNED_SIZE_WENT_BACK (an update to a smaller size, an earlier time, or another root at one size:
   *   nothing is applied) | WRITER_REPLACED | STORE_FULL | STORE_FAILED | STORE_CLOSED. After STORE_FAILED the outcome is
   *   unknown: the writer must be reopened before it writes again.
   */
  commit(updates: readonly HeadUpdate[]): Promise<readonly boolean[]>;
  /**
   * Adds evidence. When the id is there already, only the file is replaced, and its place and all else stay.
   * @returns "full" when {@link MAX_EVIDENCE_PER_LOG} of its sort are there: nothing changed. Throws as `commit`.
   */
  addEvidence(evidence: StoredEvidence): Promise<"added" | "replaced" | "full">;
  /**
   * Removes old rows as the rules say, a bounded number at a time: call again with `from: next` until `next` is undefined. The
   * newest row of a log stays, and so does the note of every size that has a row. Throws as `commit`.
   */
  thin(
    origin: string,
    pass: {
      readonly rules: readonly ThinningRule[];
      readonly nowSeconds: number;
      readonly from?: RowPosition;
    },
  ): Promise<ThinningStep>;
}
