/**
 * "c2sp.org/tlog-proof@v1\n", "extra <base64>\n" if any, "index <n>\n", a base64 hash a line from the leaf's sibling up, "\n", and the
 * signed checkpoint, verbatim: a receipt. Files end in ".tlog-proof".  c2sp.org/tlog-proof, format
 */
import { TlogError } from "../errors.ts";
import { HASH_BYTES, leafHash as hashOfLeaf } from "../merkle/hash.ts";
import { verifyInclusion } from "../merkle/inclusion.ts";
import { type CheckpointTrust, openOwnCheckpoint, type VerifiedCheckpoint } from "./checkpoint.ts";
import {
  assertWellFormed,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
} from "./encoding.ts";
import { MAX_NOTE_BYTES } from "./note.ts";

const HEADER = "c2sp.org/tlog-proof@v1";
/** A path in a tree of 2^63 leaves; none is longer. */
const MAX_PROOF_HASHES = 63;
/** Leaves 128 KiB beside the largest note. */
export const MAX_RECEIPT_BYTES = 2 * MAX_NOTE_BYTES;

/** A receipt taken apart; nothing is verified. */
export interface TlogProof {
  readonly leafIndex: number;
  /** Not authenticated by anything: never trust it. */
  readonly extra?: Uint8Array;
  /** RFC 6962 §2.1.1 audit path, 32 bytes each, leaf to root. */
  readonly proof: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

/** A receipt that verified: this leaf is in this log, at this index. */
export interface VerifiedReceipt extends VerifiedCheckpoint {
  readonly leafIndex: number;
  /** 32 bytes. */
  readonly leafHash: Uint8Array;
}

/**
 * Parses a receipt; formatTlogProof(parseTlogProof(x)) === x.
 * @param receipt - at most 256 KiB; bytes are read as UTF-8.
 * @throws {TlogError} RECEIPT_MALFORMED | NUMBER_TOO_LARGE (an index above 2^53 − 1)
 */
export function parseTlogProof(receipt: string | Uint8Array): TlogProof {
  const text = textOf(receipt);
  const end = text.indexOf("\n\n");
  if (end < 0) throw malformed("no empty line before the checkpoint");
  const [header, ...lines] = text.slice(0, end).split("\n");
  if (header !== HEADER) throw malformed(`want the first line ${HEADER}`);
  const extra = lines[0]?.startsWith("extra ") ? parseExtra(lines.shift() ?? "") : undefined;
  const leafIndex = parseIndex(lines.shift());
  if (lines.length > MAX_PROOF_HASHES)
    throw malformed(`want at most ${MAX_PROOF_HASHES} hashes, got ${lines.length}`);
  return {
    leafIndex,
    ...(extra === undefined ? {} : { extra }),
    proof: lines.map(parseHash),
    checkpoint: encodeUtf8(text.slice(end + 2)),
  };
}

/**
 * The receipt's text. An empty `extra` is left out, as the format has no line for it.
 * @throws {TlogError} ARGUMENT_INVALID | UTF8_MALFORMED
 */
export function formatTlogProof({ leafIndex, extra, proof, checkpoint }: TlogProof): string {
  if (proof.length > MAX_PROOF_HASHES || proof.some((hash) => hash.length !== HASH_BYTES)) {
    throw new TlogError("ARGUMENT_INVALID", `want at most ${MAX_PROOF_HASHES} hashes of ${HASH_BYTES} bytes`);
  }
  const lines = [
    HEADER,
    ...(extra === undefined || extra.length === 0 ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${formatDecimal(leafIndex)}`,
    ...proof.map(encodeBase64),
  ];
  return `${lines.join("\n")}\n\n${decodeUtf8(checkpoint)}`;
}

/**
 * Verifies a receipt offline: the checkpoint's origin, log signature and quorum, then that the leaf is in its tree.
 * `extra` plays no part. Timestamps are returned, not judged.  c2sp.org/tlog-proof, verifying a tlog proof
 * @param args.entry - the entry's bytes; or `leafHash`, SHA-256(0x00 || entry), for those who have no more.
 * @throws {TlogError} RECEIPT_MALFORMED | NUMBER_TOO_LARGE | ORIGIN_MISMATCH | SIGNATURE_MISSING | SIGNATURE_INVALID |
 *   QUORUM_NOT_MET | PROOF_INVALID | HASH_MALFORMED (the given leafHash)
 */
export async function verifyTlogProof(
  args: CheckpointTrust & { readonly receipt: string | Uint8Array } & (
      | { readonly entry: Uint8Array; readonly leafHash?: undefined }
      | { readonly leafHash: Uint8Array; readonly entry?: undefined }
    ),
): Promise<VerifiedReceipt> {
  const leafHash = args.entry === undefined ? args.leafHash : hashOfLeaf(args.entry);
  const { leafIndex, proof, checkpoint } = parseTlogProof(args.receipt);
  const verified = await openEnclosed(args, checkpoint);
  const { treeSize, rootHash } = verified;
  verifyInclusion({ leafIndex, treeSize, leafHash, rootHash, proof });
  return { ...verified, leafIndex, leafHash };
}

// A broken checkpoint inside a receipt is a broken receipt.
async function openEnclosed(trust: CheckpointTrust, signedNote: Uint8Array): Promise<VerifiedCheckpoint> {
  try {
    return await openOwnCheckpoint(trust, signedNote);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    if (!["NOTE_MALFORMED", "CHECKPOINT_MALFORMED", "ROOT_MISMATCH"].includes(cause.code)) throw cause;
    throw new TlogError("RECEIPT_MALFORMED", `the checkpoint in the receipt: ${cause.message}`, { cause });
  }
}

function textOf(receipt: string | Uint8Array): string {
  if (receipt.length > MAX_RECEIPT_BYTES) throw malformed(`want at most ${MAX_RECEIPT_BYTES} bytes`);
  try {
    if (typeof receipt !== "string") return decodeUtf8(receipt);
    // A string can hold half a character, which no bytes of a receipt can.
    assertWellFormed(receipt);
    return receipt;
  } catch (cause) {
    throw malformed("want valid UTF-8", cause);
  }
}

function parseExtra(line: string): Uint8Array {
  const extra = parseLine(line, () => decodeBase64(line.slice("extra ".length)));
  if (extra.length === 0) throw malformed("an extra line without data");
  return extra;
}

function parseIndex(line = ""): number {
  if (!line.startsWith("index "))
    throw malformed(`want an index line, got ${JSON.stringify(line.slice(0, 80))}`);
  return parseLine(line, () => parseDecimal(line.slice("index ".length)));
}

function parseHash(line: string): Uint8Array {
  const hash = parseLine(line, () => decodeBase64(line));
  if (hash.length !== HASH_BYTES) throw malformed(`want hashes of ${HASH_BYTES} bytes, got ${hash.length}`);
  return hash;
}

function parseLine<T>(line: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof TlogError && cause.code === "NUMBER_TOO_LARGE") throw cause;
    throw malformed(`bad line ${JSON.stringify(line.slice(0, 80))}`, cause);
  }
}

function malformed(reason: string, cause?: unknown): TlogError {
  return new TlogError("RECEIPT_MALFORMED", reason, { cause });
}
