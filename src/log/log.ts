/** The engine's face: what HTTP, the command line and embedding programs call. `open-log.ts` makes one. */
import type { EntryBlock } from "../tlog/entry-bundle.ts";
import type { Frozen } from "../tlog/frozen.ts";
import type { KeyHistory } from "../tlog/key-history.ts";
import type { Policy } from "../tlog/policy.ts";
import type { Withheld } from "./withheld.ts";

/** An entry's place in the log, durable when you hold it. */
export interface Appended {
  readonly leafIndex: number;
  /** SHA-256(0x00 || entry), 32 bytes. RFC 6962 §2.1 */
  readonly leafHash: Uint8Array;
  /** The same bytes were already in the log (or earlier in the same batch). */
  readonly duplicate: boolean;
}

/** Where the entries of a block are, durable when you hold it. */
export interface AppendedBlock {
  /** One for each entry, in order. */
  readonly leafIndices: readonly number[];
  /** Positions, ascending, of entries whose bytes were already in the log, or earlier in the same block. */
  readonly duplicates: readonly number[];
  /** 32 bytes for each entry, concatenated. RFC 6962 §2.1 */
  readonly leafHashes: Uint8Array;
}

/** What readers see: the newest published checkpoint. */
export interface Publication {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

export interface LogLimits {
  /** Largest entry, in bytes; at most 65,535 (C2SP tlog-tiles). */
  readonly maxEntryBytes: number;
  readonly maxBatchEntries: number;
  readonly maxPendingEntries: number;
  readonly maxPendingBytes: number;
}

/** Where the log stands, for readiness checks. */
export type LogState =
  | { readonly status: "writable" }
  | { readonly status: "read-only"; readonly code: string; readonly message: string }
  /** It ended, and is served for ever. */
  | { readonly status: "frozen" }
  | { readonly status: "closing" };

/** How a log ended. */
export interface LogEnd extends Frozen {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/** How a witness of the policy did lately. Times are POSIX seconds, each by the clock of who states it. */
export interface WitnessStatus {
  /** What the policy calls it. */
  readonly name: string;
  readonly vkey: string;
  /** Undefined: the log cannot ask it. */
  readonly url: string | undefined;
  /** Its last answer did not count, or did not come. */
  readonly isFailing: boolean;
  readonly lastCosigned: { readonly treeSize: number; readonly timestampSeconds: number } | undefined;
  readonly lastFailure:
    | { readonly atSeconds: number; readonly code: string; readonly message: string }
    | undefined;
}

/** What a log with witnesses makes of them. */
export interface Witnessing {
  readonly policy: Policy;
  readonly mode: "strict" | "best-effort";
  /** The last attempt to get a quorum failed, or has been taking more than 10 seconds. */
  readonly isQuorumMissing: boolean;
  /** In the policy's order. */
  readonly witnesses: readonly WitnessStatus[];
}

/** What a scrub of the bytes on the disk has found. */
export interface Scrubbing {
  /** How many findings stand. */
  readonly findings: number;
  /** The first of them, in words. */
  readonly first: string | undefined;
  /** When the first pass over this copy of the log began, in milliseconds since 1970; undefined: none did. */
  readonly beganAtMs: number | undefined;
  /** When a whole pass last found nothing, in milliseconds since 1970; undefined: never. */
  readonly lastPassedAtMs: number | undefined;
}

/** What can be read of a log: by the process that writes it, and by readers beside it. */
export interface LogView {
  readonly origin: string;
  /** Verifier keys, C2SP signed-note text form, the Ed25519 one first. */
  readonly vkeys: readonly string[];
  readonly limits: LogLimits;
  readonly duplicates: "first" | "allow";

  /** The newest published checkpoint. There is always one: a new log publishes size 0 before it opens. */
  published(): Publication;
  /** Reads answer up to this size: the largest signed one. */
  readableSize(): number;
  /** Whole-hash tile bytes, or undefined beyond readableSize(). */
  readTile(tile: {
    readonly level: number;
    readonly index: number;
    readonly width: number;
  }): Promise<Uint8Array | undefined>;
  /** Entries [start, end) of one bundle in bundle encoding, or undefined beyond readableSize(). */
  readEntries(range: { readonly start: number; readonly end: number }): Promise<Uint8Array | undefined>;
  /** @returns the entry's bytes, or undefined beyond readableSize(). */
  readEntry(leafIndex: number): Promise<Uint8Array | undefined>;
  /** The leaf's smallest index, or undefined when unknown or beyond readableSize(). @throws {TlogError} ARGUMENT_INVALID */
  lookup(leafHash: Uint8Array): Promise<number | undefined>;
  /** How many leaves are durable, published or not. */
  integratedSize(): number;

  /** RFC 6962 §2.1.1 audit path, leaf to root. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID */
  proveInclusion(at: {
    readonly leafIndex: number;
    readonly treeSize: number;
  }): Promise<readonly Uint8Array[]>;
  /** One proof for many leaves, spec/batch-proof.md. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID */
  proveInclusionBatch(at: {
    readonly leafIndices: readonly number[];
    readonly treeSize: number;
  }): Promise<readonly Uint8Array[]>;
  /** RFC 6962 §2.1.2 consistency proof. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID */
  proveConsistency(between: {
    readonly fromSize: number;
    readonly toSize: number;
  }): Promise<readonly Uint8Array[]>;
  /** The root hash at any size up to readableSize(). @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID */
  rootAt(treeSize: number): Promise<Uint8Array>;
  /**
   * A receipt (C2SP tlog-proof text) against the newest published checkpoint.
   * @throws {TlogError} ENTRY_UNKNOWN (no such leaf) | NOT_PUBLISHED (integrated, not yet covered)
   */
  receipt(leafIndex: number): Promise<string>;
  /** As `receipt`, its bytes: the caller's own. */
  receiptBytes(leafIndex: number): Promise<Uint8Array>;

  /** The policy whose witnesses cosign, and how they do; undefined for a log without witnesses. */
  witnessing(): Witnessing | undefined;
}

/** A log that its holder writes. */
export interface Log extends LogView, AsyncDisposable {
  /** Undefined: it has not ended. */
  readonly end: LogEnd | undefined;
  /** Undefined: its keys never changed. spec/key-history.md */
  readonly keyHistory: KeyHistory | undefined;
  /**
   * Appends one entry; resolves when it is durable and has its index for ever.
   * @param entry - copied.
   * @throws {TlogError} ENTRY_TOO_LARGE | ARGUMENT_INVALID (not a Uint8Array) | POOL_FULL | SPACE_LOW | SIGNER_FAILED | LOG_CLOSING |
   *   LOG_READ_ONLY | LOG_ENDED
   */
  add(entry: Uint8Array): Promise<Appended>;
  /** Appends all or none, in one transaction, in order. Throws as `add`, and ARGUMENT_INVALID beyond the limits. */
  addBatch(entries: readonly Uint8Array[]): Promise<readonly Appended[]>;
  /**
   * As `addBatch`, without an object for each entry.
   * @param block - lent: its memory is the log's, to read and to change, until the promise resolves; for good when it rejects.
   * @throws {TlogError} as `add`, and ARGUMENT_INVALID beyond the limits, or when offsets and lengths disagree
   */
  addBlock(block: EntryBlock): Promise<AppendedBlock>;
  /**
   * Resolves when a published checkpoint covers the leaf, and asks for one at once; with witnesses, as soon as the interval and
   * their quorum allow.
   * @throws {TlogError} ABORTED | LOG_CLOSING | LOG_READ_ONLY
   */
  untilPublished(leafIndex: number, options: { readonly signal: AbortSignal }): Promise<Publication>;

  state(): LogState;
  /** Undefined: nobody goes through its bytes. */
  scrubbing?(): Scrubbing | undefined;
  /** What is wrong on the disk, and served to nobody. */
  readonly withheld?: Withheld | undefined;
  /** What waits to be integrated. */
  pending(): { readonly pendingEntries: number; readonly pendingBytes: number };
  /** Finishes the batches in flight, answers their callers, publishes, closes the store. Idempotent. */
  close(): Promise<void>;
}
