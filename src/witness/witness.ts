/** The witness's face: what HTTP, the pollers and embedding programs call. `open-witness.ts` makes one. c2sp.org/tlog-witness */
import { TlogError } from "../errors.ts";
import type { CosignedHead, EvidenceEntry } from "../store/witness-store.ts";
import type { AddCheckpointRequest } from "../tlog/add-checkpoint.ts";
import type { VerifierKey } from "../tlog/key.ts";
import type { Suspects } from "./suspects.ts";

/** A log a witness cosigns for. */
export interface WitnessedLog {
  /** What its checkpoints start with; the keys' names may differ (Go's checksum database). */
  readonly origin: string;
  /** The log's keys, types 0x01 and 0x06: a signature of any one suffices (key rotation). */
  readonly logKeys: readonly VerifierKey[];
  /** Where the log is read (tlog-tiles prefixes): the first is polled, all are cross-checked. Empty: the log pushes. */
  readonly urls: readonly string[];
  /** Most new heads a day that are cosigned; undefined: no limit. */
  readonly queriesPerDay: number | undefined;
  readonly isDisabled: boolean;
}

/** Which logs there are; may change while the witness runs. Never has a log named as the witness is. */
export interface Roster {
  find(origin: string): WitnessedLog | undefined;
  /** By SHA-256 of the origin, 64 lowercase hex digits. */
  findByHash(originHash: string): WitnessedLog | undefined;
  /** The same array until something changes: the pollers compare it four times a second. */
  logs(): readonly WitnessedLog[];
}

/** How far a witness is with one log. */
export interface WitnessedLogState {
  readonly log: WitnessedLog;
  readonly head: CosignedHead | undefined;
  /** The evidence that stopped the log; undefined while none convicts it. */
  readonly frozenBy: string | undefined;
}

/** A signature of the witness itself, found on a checkpoint that somebody else shows, and verified. */
export interface OwnSignature {
  readonly origin: string;
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** POSIX seconds: the newest of the witness's own. */
  readonly timestampSeconds: number;
  /** The checkpoint with the signatures that were verified, the log's and the witness's own, and no other. */
  readonly signedNote: Uint8Array;
  /** Where it was found, for people: a URL. */
  readonly source: string;
}

export interface Witness extends AsyncDisposable {
  readonly name: string;
  /** vkeys, the Ed25519 one (0x04) first. */
  readonly vkeys: readonly string[];
  readonly roster: Roster;

  /**
   * add-checkpoint: verifies, cosigns, and resolves when that is durable.
   * @param body - at most 128 KiB: "old 3\n" proof lines "\n" checkpoint.
   * @returns the witness's signature lines, UTF-8.
   * @throws {TlogError} REQUEST_MALFORMED (400) | LOG_UNKNOWN (404) | SIGNATURE_MISSING, SIGNATURE_INVALID, LOG_DISABLED (403) |
   *   LOG_FROZEN ({@link LogFrozenError}, 403) | SIZE_CONFLICT ({@link SizeConflictError}, 409) | ROOT_MISMATCH, PROOF_INVALID (422) |
   *   RATE_LIMITED ({@link RateLimitedError}, 429) | CLOCK_BEHIND, WITNESS_READ_ONLY, WITNESS_ROLLED_BACK,
   *   WITNESS_CLOSING, CRYPTO_BUSY (503)
   */
  addCheckpoint(body: Uint8Array): Promise<Uint8Array>;
  /** The same, already taken apart and without the rate limit: for the witness's own pollers. */
  submit(request: AddCheckpointRequest): Promise<Uint8Array>;
  /** sign-subtree. Throws as `addCheckpoint`, and SUBTREE_UNSUPPORTED (404: the witness has no ML-DSA-44 key). */
  signSubtree(body: Uint8Array): Promise<Uint8Array>;

  /** The newest cosigned checkpoint, as monitors get it; undefined when there is none. @param originHash - hex SHA-256 of the origin. */
  checkpoint(originHash: string): Promise<Uint8Array | undefined>;
  /** The head of a size the witness cosigned, newest timestamp: what a comparison starts from. `size` undefined: the newest. */
  headAt(
    origin: string,
    size?: number,
  ): Promise<
    { readonly treeSize: number; readonly rootHash: Uint8Array; readonly logNote: Uint8Array } | undefined
  >;

  /**
   * Takes evidence: verifies it with the keys of the log it names (and `witnessKeys`), stores it, and stops cosigning a log it convicts.
   * Only lines that verified are kept; evidence that is known gains those of a later file.
   * @param beforeVerifying - called with the origin when only signatures are left to check, and not for what is known already;
   *   what it throws refuses the file.
   * @throws {TlogError} EVIDENCE_MALFORMED | EVIDENCE_INVALID | LOG_UNKNOWN | SIGNATURE_MISSING | SIGNATURE_INVALID |
   *   EVIDENCE_FULL (as many as are kept about one log are there) | STORE_FULL …
   */
  addEvidence(
    evidence: Uint8Array,
    witnessKeys?: readonly VerifierKey[],
    beforeVerifying?: (origin: string) => void,
  ): Promise<{ readonly id: string; readonly origin: string; readonly isNew: boolean }>;
  /** What evidence there is about a log, without the files; empty when there is none. */
  evidence(originHash: string): Promise<readonly EvidenceEntry[]>;
  /** One file of evidence; undefined when there is none. @param id - 64 lowercase hex digits. */
  evidenceFile(originHash: string, id: string): Promise<Uint8Array | undefined>;
  /** What convicted the log; undefined while nothing did. Remembered, so it may be asked at every turn. */
  conviction(origin: string): Promise<{ readonly id: string; readonly kind: string } | undefined>;

  /** Heads that logs signed and this witness did not cosign, though nothing convicts the logs yet: to be looked at with tiles. */
  readonly suspects: Suspects;
  /**
   * Takes notice of this witness's own signature, seen elsewhere and verified: when its store knows of nothing as new, somebody
   * else has the key or the store is old, and the log is cosigned no more (WITNESS_ROLLED_BACK) until a restart looks into it.
   */
  meetOwnSignature(found: OwnSignature): Promise<void>;

  /** Every log of the roster, with its state: one read a log. */
  logs(): Promise<readonly WitnessedLogState[]>;
  /** The state of one log; undefined when the roster does not have it. */
  logState(origin: string): Promise<WitnessedLogState | undefined>;
  /** Removes old rows of the history as the witness was told; resolves when there is no more to remove. @returns how many went. */
  thin(options: { readonly signal: AbortSignal }): Promise<number>;
  state():
    | { readonly status: "ok" | "closing" }
    | { readonly status: "read-only"; readonly code: string; readonly message: string };
  /** Finishes what is under way, then refuses. Closes store and guard. */
  close(): Promise<void>;
}

/** The old size is not the size of the newest head cosigned: code SIZE_CONFLICT; 409 with this size. */
export class SizeConflictError extends TlogError {
  readonly treeSize: number;

  constructor(treeSize: number, oldSize: number) {
    super("SIZE_CONFLICT", `old size: want ${treeSize}, got ${oldSize}`);
    this.treeSize = treeSize;
  }
}

/** The log is cosigned no more: code LOG_FROZEN. */
export class LogFrozenError extends TlogError {
  /** 64 lowercase hex digits. */
  readonly evidenceId: string;
  readonly originHash: string;

  constructor(args: {
    readonly origin: string;
    readonly originHash: string;
    readonly evidenceId: string;
    readonly kind: string;
  }) {
    super(
      "LOG_FROZEN",
      `${args.origin} is cosigned no more: evidence ${args.evidenceId} (${args.kind}) shows that it forked`,
    );
    this.evidenceId = args.evidenceId;
    this.originHash = args.originHash;
  }
}

/** More requests than agreed for this log: code RATE_LIMITED. */
export class RateLimitedError extends TlogError {
  readonly retryAfterSeconds: number;

  constructor(origin: string, retryAfterSeconds: number) {
    super("RATE_LIMITED", `${origin}: more requests than agreed; try again in ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
