/**
 * "old 3\n" + hash lines + "\n" + checkpoint: lines, an empty line, and a signed note, the frame of both requests to a witness.
 * c2sp.org/tlog-witness, add-checkpoint and sign-subtree
 */
import { TlogError } from "../errors.ts";
import { assertHash, HASH_BYTES } from "../merkle/hash.ts";
import { concatBytes, decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, parseDecimal } from "./encoding.ts";

/** 16 signatures of nearly 5 kB must fit, and 63 hashes beside them. */
export const MAX_WITNESS_REQUEST_BYTES = 128 * 1024;
/** More than any proof between sizes of 64 bits needs. */
export const MAX_PROOF_LINES = 63;

const MAX_LINE_BYTES = 256;
const NEWLINE = 0x0a;

/** A request taken apart into its lines. */
export interface WitnessRequest {
  /** Before the empty line, without their newlines. */
  readonly lines: readonly string[];
  /** What follows the empty line: not looked at. */
  readonly checkpoint: Uint8Array;
}

/**
 * Splits at the first empty line: the checkpoint has one of its own.
 * @param maxLines - refused above, before anything is decoded.
 * @throws {TlogError} REQUEST_MALFORMED
 */
export function splitWitnessRequest(body: Uint8Array, maxLines: number): WitnessRequest {
  if (body.length > MAX_WITNESS_REQUEST_BYTES) {
    throw malformed(`want at most ${MAX_WITNESS_REQUEST_BYTES} bytes, got ${body.length}`);
  }
  const lines: string[] = [];
  for (let start = 0; ; ) {
    const end = body.indexOf(NEWLINE, start);
    if (end < 0) throw malformed("no empty line before the checkpoint");
    if (end === start) return { lines, checkpoint: body.slice(end + 1) };
    if (lines.length === maxLines) throw malformed(`want at most ${maxLines} lines before the empty line`);
    if (end - start > MAX_LINE_BYTES) throw malformed(`line ${lines.length + 1} is too long`);
    lines.push(orMalformed(`line ${lines.length + 1}`, () => decodeUtf8(body.subarray(start, end))));
    start = end + 1;
  }
}

/** Puts a request together; its lines hold no newline. @throws {TlogError} ARGUMENT_INVALID (more than 128 KiB) */
export function joinWitnessRequest({ lines, checkpoint }: WitnessRequest): Uint8Array {
  const body = concatBytes(encodeUtf8(`${lines.join("\n")}\n\n`), checkpoint);
  if (body.length <= MAX_WITNESS_REQUEST_BYTES) return body;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `want a request of at most ${MAX_WITNESS_REQUEST_BYTES} bytes, got ${body.length}`,
  );
}

/** One hash, 32 bytes in base64. @throws {TlogError} REQUEST_MALFORMED */
export function parseHashLine(line: string): Uint8Array {
  return orMalformed("a hash line", () => {
    const hash = decodeBase64(line);
    assertHash("hash", hash);
    return hash;
  });
}

/** @throws {TlogError} ARGUMENT_INVALID (more than 63) | HASH_MALFORMED */
export function formatProofLines(proof: readonly Uint8Array[]): readonly string[] {
  if (proof.length > MAX_PROOF_LINES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `proof: want at most ${MAX_PROOF_LINES} hashes, got ${proof.length}`,
    );
  }
  return proof.map(formatHashLine);
}

/** @throws {TlogError} HASH_MALFORMED unless it is 32 bytes. */
export function formatHashLine(hash: Uint8Array): string {
  assertHash(`hash of ${HASH_BYTES} bytes`, hash);
  return encodeBase64(hash);
}

/** @throws {TlogError} REQUEST_MALFORMED, also above 2^53 − 1. */
export function parseRequestSize(text: string): number {
  return orMalformed("a tree size", () => parseDecimal(text));
}

/** Runs a parser whose errors all mean one thing here. */
export function orMalformed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw malformed(`${what}: ${cause.message}`, cause);
  }
}

export function malformed(message: string, cause?: TlogError): TlogError {
  return new TlogError("REQUEST_MALFORMED", message, cause === undefined ? {} : { cause });
}
