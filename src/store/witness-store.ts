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
  /** POSIX seconds. Rows of one log ascend in (treeSize, timestampSeconds). */
  readonly timestampSeconds: number;
  /** The checkpoint with one signature of the log; undefined when an earlier row of this size holds it (a fresh timestamp only). */
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

/** Evidence as it lies in the store: verified before it came here. */
export interface StoredEvidence {
  /** 64 lowercase hex digits: SHA-256 of the statement. spec/fork-evidence.md */
  readonly id: string;
  readonly origin: string;
  /** A kind of spec/fork-evidence.md. */
  readonly kind: string;
  /** Whether it convicts the log, which is then cosigned no more. Evidence against a witness does not. */
  readonly convictsLog: boolean;
  readonly evidence: Uint8Array;
  /** POSIX seconds. */
  readonly receivedAtSeconds: number;
}

/** How old rows are thinned: of rows older than `olderThanSeconds`, the first and the last of every `keepEverySeconds` stay. */
export interface ThinningRule {
  readonly olderThanSeconds: number;
  readonly keepEverySeconds: number;
}

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
  /** Rows of sizes [fromSize, toSize], ascending, at most `limit`. */
  rows(
    origin: string,
    range: { readonly fromSize: number; readonly toSize: number; readonly limit: number },
  ): Promise<readonly CosignedRow[]>;
  /** All evidence about a log, oldest first. */
  evidence(origin: string): Promise<readonly StoredEvidence[]>;
  close(): Promise<void>;
}

/** Writing: one process. Each method resolves only when its effect is durable, and its effect is visible only then. */
export interface WitnessStore extends WitnessReader {
  readonly writer: WriterIdentity;
  /** As LogStore.adoptLineage. */
  adoptLineage(token: string): Promise<void>;
  /**
   * Applies each update whose `expected` is what the store holds (size, root and timestamp), all of those in one transaction,
   * and adds one row and one journal leaf for each. Two updates of one origin in one call are applied in order.
   * @returns for each update, whether it was applied.
   * @throws {TlogError} SIGNED_SIZE_WENT_BACK (an update to a smaller size, an earlier time, or another root at one size:
   *   nothing is applied) | WRITER_REPLACED | STORE_FULL | STORE_FAILED | STORE_CLOSED
   */
  commit(updates: readonly HeadUpdate[]): Promise<readonly boolean[]>;
  /** Adds evidence; what has the id already stays. @returns whether it is new. Throws as `commit`. */
  addEvidence(evidence: StoredEvidence): Promise<boolean>;
  /**
   * Removes old rows as the rules say, a bounded number at a time. The newest row of a log always stays.
   * @returns how many rows went; call again until 0.
   */
  thin(origin: string, rules: readonly ThinningRule[], nowSeconds: number): Promise<number>;
}
