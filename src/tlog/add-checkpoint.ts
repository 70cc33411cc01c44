/**
 * "old 20852014\n" + at most 63 lines of base64(hash) + "\n" + the checkpoint; answered by signature lines, or with the size the
 * witness has, "20852163\n".  c2sp.org/tlog-witness, add-checkpoint
 */
import { TlogError } from "../errors.ts";
import { decodeUtf8, encodeUtf8, formatDecimal } from "./encoding.ts";
import { type NoteSignature, parseSignatureLine } from "./note.ts";
import {
  formatProofLines,
  joinWitnessRequest,
  MAX_PROOF_LINES,
  MAX_WITNESS_REQUEST_BYTES,
  malformed,
  orMalformed,
  parseHashLine,
  parseRequestSize,
  splitWitnessRequest,
} from "./witness-request.ts";

/** 128 KiB. */
export const MAX_ADD_CHECKPOINT_BYTES = MAX_WITNESS_REQUEST_BYTES;
/** 16 KiB: other clients read no more of an answer. */
export const MAX_COSIGNATURES_BYTES = 16 * 1024;
const MAX_COSIGNATURES = 100;
const OLD_PREFIX = "old ";

/** What a log asks a witness. */
export interface AddCheckpointRequest {
  /** The size the witness is thought to have; 0: none. */
  readonly oldSize: number;
  /** The consistency proof from `oldSize`: at most 63 hashes of 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: Uint8Array;
}

/**
 * Parses the request; formatAddCheckpoint(parseAddCheckpoint(x)) is x. The checkpoint itself is not looked at.
 * @throws {TlogError} REQUEST_MALFORMED, and nothing else: also for a size above 2^53 − 1, and more than 128 KiB
 */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpointRequest {
  const {
    lines: [old, ...proof],
    checkpoint,
  } = splitWitnessRequest(body, 1 + MAX_PROOF_LINES);
  if (!old?.startsWith(OLD_PREFIX)) throw malformed("want the line: old size");
  const oldSize = parseRequestSize(old.slice(OLD_PREFIX.length));
  return { oldSize, proof: proof.map(parseHashLine), checkpoint };
}

/** @throws {TlogError} ARGUMENT_INVALID (no safe size, more than 63 hashes, more than 128 KiB) | HASH_MALFORMED */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpointRequest): Uint8Array {
  const lines = [`${OLD_PREFIX}${formatDecimal(oldSize)}`, ...formatProofLines(proof)];
  return joinWitnessRequest({ lines, checkpoint });
}

/**
 * Parses the answer to a checkpoint that was cosigned (or the one of sign-subtree); nothing is verified.
 * formatCosignatureLines(parseCosignatureLines(x)) is x.
 * @throws {TlogError} REQUEST_MALFORMED: more than 16 KiB, no line or more than 100, or one that is no signature line
 */
export function parseCosignatureLines(body: Uint8Array): readonly NoteSignature[] {
  if (body.length > MAX_COSIGNATURES_BYTES) {
    throw malformed(`want at most ${MAX_COSIGNATURES_BYTES} bytes, got ${body.length}`);
  }
  const lines = orMalformed("signature lines", () => decodeUtf8(body)).split("\n");
  if (lines.pop() !== "") throw malformed("the last line does not end with a newline");
  if (lines.length === 0 || lines.length > MAX_COSIGNATURES) {
    throw malformed(`want 1 to ${MAX_COSIGNATURES} signature lines, got ${lines.length}`);
  }
  return lines.map((line) => orMalformed("signature lines", () => parseSignatureLine(line)));
}

/** @throws {TlogError} ARGUMENT_INVALID (no line or more than 100, or more than 16 KiB) */
export function formatCosignatureLines(signatures: readonly NoteSignature[]): Uint8Array {
  const body = encodeUtf8(signatures.map(({ line }) => `${line}\n`).join(""));
  const isTooMuch = signatures.length > MAX_COSIGNATURES || body.length > MAX_COSIGNATURES_BYTES;
  if (signatures.length > 0 && !isTooMuch) return body;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `want 1 to ${MAX_COSIGNATURES} lines of at most ${MAX_COSIGNATURES_BYTES} bytes, got ${signatures.length} of ${body.length}`,
  );
}

/** The body of 409, `text/x.tlog.size`: "3\n". @throws {TlogError} ARGUMENT_INVALID */
export function formatSizeConflict(treeSize: number): Uint8Array {
  return encodeUtf8(`${formatDecimal(treeSize)}\n`);
}

/** @throws {TlogError} REQUEST_MALFORMED unless it is one decimal number and a newline. */
export function parseSizeConflict(body: Uint8Array): number {
  const text = body.length <= 32 ? orMalformed("a tree size", () => decodeUtf8(body)) : "";
  if (!text.endsWith("\n")) throw malformed("want a tree size and a newline");
  return parseRequestSize(text.slice(0, -1));
}
