/** What every adapter of the witness's storage checks and computes, so that they refuse and remember alike. */
import { InvariantError, TlogError } from "../errors.ts";
import { appendLeaves, type CompactRange } from "../merkle/compact-range.ts";
import { HASH_BYTES, hashesEqual, leafHash } from "../merkle/hash.ts";
import { concatBytes, encodeUint16, encodeUint64, encodeUtf8 } from "../tlog/encoding.ts";
import { MAX_EVIDENCE_BYTES } from "../tlog/fork-evidence-text.ts";
import {
  type CosignedHead,
  type EvidenceEntry,
  type HeadUpdate,
  MAX_EVIDENCE_PER_LOG,
  MAX_ROWS,
  MAX_STORED_NOTE_BYTES,
  type RowPosition,
  type StoredEvidence,
} from "./witness-store.ts";

/** Longest origin, in UTF-8: it is a key of the store, and a cosigned message has one byte for its length. */
const MAX_ORIGIN_BYTES = 255;
/** `rows` stops when it has read this much of notes. */
export const MAX_ROWS_NOTE_BYTES = 1_048_576;

/** Checks an update against itself. @throws {InvariantError} when it does not add up: a bug in whoever made it. */
export function assertUpdate({ origin, expected, next, logNote }: HeadUpdate): void {
  assertOrigin(origin);
  assertStorable(next.signedNote, MAX_STORED_NOTE_BYTES, "signedNote");
  if (logNote !== undefined) assertStorable(logNote, MAX_STORED_NOTE_BYTES, "logNote");
  invariant(next.rootHash.length === HASH_BYTES, "a root hash is not 32 bytes");
  invariant(isSize(next.treeSize), `treeSize ${next.treeSize}`);
  invariant(isSize(next.timestampSeconds), `timestampSeconds ${next.timestampSeconds}`);
  const isNewSize = expected?.treeSize !== next.treeSize;
  invariant(!isNewSize || logNote !== undefined, "the first row of a size without the log's note");
}

/** Whether the head is still what an update was made from. */
export function isExpected(held: CosignedHead | undefined, expected: CosignedHead | undefined): boolean {
  if (held === undefined || expected === undefined) return held === expected;
  return isSameStatement(held, expected);
}

/** Whether two heads say the same: size, root and time. Then there is a row for it already. */
export function isSameStatement(a: CosignedHead, b: CosignedHead): boolean {
  return (
    a.treeSize === b.treeSize &&
    a.timestampSeconds === b.timestampSeconds &&
    hashesEqual(a.rootHash, b.rootHash)
  );
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when `next` may not be cosigned after `held`. */
export function assertForward(origin: string, held: CosignedHead | undefined, next: CosignedHead): void {
  if (held === undefined) return;
  if (next.treeSize < held.treeSize) {
    throw wentBack(origin, `want a size of at least ${held.treeSize}, got ${next.treeSize}`);
  }
  if (next.timestampSeconds < held.timestampSeconds) {
    throw wentBack(origin, `want a time of at least ${held.timestampSeconds}, got ${next.timestampSeconds}`);
  }
  if (next.treeSize === held.treeSize && !hashesEqual(next.rootHash, held.rootHash)) {
    throw wentBack(origin, `size ${next.treeSize} was cosigned with another root`);
  }
}

/**
 * Appends rows to the journal. A leaf is what the witness put its name to: u16 length and UTF-8 of the origin, u64 size,
 * root, u64 time, all big-endian.  spec/storage.md
 */
export function journalWith(
  journal: CompactRange,
  rows: readonly { readonly origin: string; readonly head: CosignedHead }[],
): CompactRange {
  const leaves = rows.map(({ origin, head }) => {
    const name = encodeUtf8(origin);
    return leafHash(
      concatBytes(
        encodeUint16(name.length),
        name,
        encodeUint64(head.treeSize),
        head.rootHash,
        encodeUint64(head.timestampSeconds),
      ),
    );
  });
  return appendLeaves(journal, leaves);
}

/** @throws {InvariantError} when it is not what the store keeps: a bug in whoever verified it. */
export function assertEvidence(evidence: StoredEvidence): void {
  assertOrigin(evidence.origin);
  assertStorable(evidence.evidence, MAX_EVIDENCE_BYTES, "evidence");
  assertEvidenceId(evidence.id);
  invariant(/^[a-z-]{1,64}$/.test(evidence.kind), "an evidence kind is not lowercase letters and hyphens");
  invariant(isSize(evidence.receivedAtSeconds), `receivedAtSeconds ${evidence.receivedAtSeconds}`);
}

/** @throws {InvariantError} */
export function assertEvidenceId(id: string): void {
  invariant(/^[0-9a-f]{64}$/.test(id), "an evidence id is not 64 lowercase hex digits");
}

/** What adding evidence does, given what a log has. */
export function evidenceOutcome(
  held: readonly Pick<EvidenceEntry, "id" | "convictsLog">[],
  { id, convictsLog }: EvidenceEntry,
): "added" | "replaced" | "full" {
  if (held.some((one) => one.id === id)) return "replaced";
  const ofItsSort = held.filter((one) => one.convictsLog === convictsLog);
  return ofItsSort.length < MAX_EVIDENCE_PER_LOG ? "added" : "full";
}

/** @returns how many rows to read. @throws {TlogError} ARGUMENT_INVALID */
export function rowLimit(range: {
  readonly fromSize: number;
  readonly toSize: number;
  readonly limit: number;
  readonly after?: RowPosition;
}): number {
  assertArgument("fromSize", range.fromSize, 0);
  assertArgument("toSize", range.toSize, 0);
  assertArgument("limit", range.limit, 1);
  if (range.after !== undefined) assertPosition(range.after);
  return Math.min(range.limit, MAX_ROWS);
}

/** @throws {TlogError} ARGUMENT_INVALID */
export function assertPosition({ treeSize, timestampSeconds }: RowPosition): void {
  assertArgument("treeSize", treeSize, 0);
  assertArgument("timestampSeconds", timestampSeconds, 0);
}

/** Order of a log's rows: by size, then by time. */
export function compareRows(a: RowPosition, b: RowPosition): number {
  return a.treeSize - b.treeSize || a.timestampSeconds - b.timestampSeconds;
}

/** @throws {TlogError} ARGUMENT_INVALID unless it is a whole number from `min` to 2^53 - 1. */
export function assertArgument(name: string, value: number, min: number): void {
  if (isSize(value) && value >= min) return;
  throw new TlogError("ARGUMENT_INVALID", `${name}: want a whole number from ${min}, got ${value}`);
}

/** @throws {TlogError} STORE_ORIGIN_MISMATCH */
export function assertWitnessName(wanted: string, found: string): void {
  if (wanted === found) return;
  throw new TlogError("STORE_ORIGIN_MISMATCH", `want witness ${wanted}, the directory holds ${found}`);
}

function assertOrigin(origin: string): void {
  const { length } = encodeUtf8(origin);
  invariant(length > 0 && length <= MAX_ORIGIN_BYTES, `an origin of ${length} bytes`);
}

function assertStorable(bytes: Uint8Array, max: number, name: string): void {
  invariant(bytes.length > 0 && bytes.length <= max, `${name} of ${bytes.length} bytes`);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function wentBack(origin: string, detail: string): TlogError {
  return new TlogError("SIGNED_SIZE_WENT_BACK", `${origin}: ${detail}`);
}

function invariant(holds: boolean, detail: string): void {
  if (!holds) throw new InvariantError(`the store was given what it cannot keep: ${detail}`);
}
