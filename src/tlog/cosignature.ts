/**
 * u64 POSIX seconds (big-endian) || signature: what follows the key ID in a cosignature line, over one of two messages.
 * Type 0x04, Ed25519: "cosignature/v1\ntime 1679315147\n" || the checkpoint's text.
 * Type 0x06, ML-DSA-44: "subtree/v1\n\0" || u8 length, cosigner name || u64 time || u8 length, origin || u64 start || u64 end || hash.
 * c2sp.org/tlog-cosignature
 */
import { isValidEd25519, type KeyPair } from "#crypto";
import { isValidMlDsa44, ML_DSA_44_SIGNATURE_BYTES, type MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint-body.ts";
import { concatBytes, decodeUtf8, encodeUint64, encodeUtf8, formatDecimal, readUint64 } from "./encoding.ts";

/** Signature type 0x04: Ed25519 timestamped checkpoint cosignature.  c2sp.org/signed-note, signature types */
export const COSIGNATURE_V1 = 0x04;
/** Signature type 0x06: ML-DSA-44 timestamped (sub)tree cosignature. */
export const ML_DSA_44 = 0x06;
export type CosignatureType = typeof COSIGNATURE_V1 | typeof ML_DSA_44;

const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = { [COSIGNATURE_V1]: 64, [ML_DSA_44]: ML_DSA_44_SIGNATURE_BYTES };
const SUBTREE_LABEL = "subtree/v1\n\0";
const MAX_NAME_BYTES = 255;

/** `timestamped_signature`: 72 bytes with Ed25519, 2,428 with ML-DSA-44. */
export interface TimestampedSignature {
  /** POSIX seconds; 0: no statement that this is the largest tree seen (ML-DSA-44 only). */
  readonly timestampSeconds: number;
  readonly signature: Uint8Array;
}

/** Who cosigns, for the key ID and for the ML-DSA-44 message, which commits to the name. */
export interface Cosigner {
  readonly type: CosignatureType;
  readonly name: string;
}

/** What an ML-DSA-44 cosigner signs: leaves [start, end) of a log have this root hash. */
export interface SubtreeStatement {
  readonly cosignerName: string;
  readonly timestampSeconds: number;
  readonly origin: string;
  readonly start: number;
  readonly end: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** @throws {TlogError} ARGUMENT_INVALID */
export function encodeTimestampedSignature({
  timestampSeconds,
  signature,
}: TimestampedSignature): Uint8Array {
  return concatBytes(encodeUint64(timestampSeconds), signature);
}

/**
 * @throws {TlogError} COSIGNATURE_MALFORMED (not exactly as long as the type asks) | NUMBER_TOO_LARGE (a time above 2^53 − 1
 *   seconds: the document allows 2^63 − 1, and lets a verifier refuse the future)
 */
export function decodeTimestampedSignature(type: CosignatureType, payload: Uint8Array): TimestampedSignature {
  const wanted = TIMESTAMP_BYTES + SIGNATURE_BYTES[type];
  if (payload.length !== wanted) {
    throw new TlogError("COSIGNATURE_MALFORMED", `want ${wanted} bytes, got ${payload.length}`);
  }
  return { timestampSeconds: readTimestamp(payload), signature: payload.subarray(TIMESTAMP_BYTES) };
}

/** The time alone, of a payload that verified. */
export function readTimestamp(payload: Uint8Array): number {
  return readUint64(payload, 0);
}

/** The message of type 0x04. @param checkpointText - origin to extension lines, final newline included. */
export function cosignatureV1Message(timestampSeconds: number, checkpointText: Uint8Array): Uint8Array {
  return concatBytes(encodeUtf8(`cosignature/v1\ntime ${formatDecimal(timestampSeconds)}\n`), checkpointText);
}

/**
 * The message of type 0x06, `cosigned_message`.
 * @throws {TlogError} ARGUMENT_INVALID: a name of 0 or more than 255 bytes, a time with start > 0, start > end, a hash not of 32 bytes
 */
export function subtreeMessage(statement: SubtreeStatement): Uint8Array {
  const { cosignerName, timestampSeconds, origin, start, end, hash } = statement;
  if (start > end || (start !== 0 && timestampSeconds !== 0) || hash.length !== HASH_BYTES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `no subtree statement for leaves [${start}, ${end}) at ${timestampSeconds}`,
    );
  }
  return concatBytes(
    encodeUtf8(SUBTREE_LABEL),
    lengthPrefixed(cosignerName),
    encodeUint64(timestampSeconds),
    lengthPrefixed(origin),
    encodeUint64(start),
    encodeUint64(end),
    hash,
  );
}

/**
 * Signs a checkpoint as a cosigner (or, with ML-DSA-44, as the log itself).
 * @returns the bytes that follow the key ID.
 * @throws {TlogError} CHECKPOINT_MALFORMED | ARGUMENT_INVALID (ML-DSA-44 does not cover extension lines: not signed)
 */
export async function signCosignature(
  cosigner: Cosigner & { readonly keyPair: KeyPair },
  {
    timestampSeconds,
    checkpointText,
  }: { readonly timestampSeconds: number; readonly checkpointText: Uint8Array },
): Promise<Uint8Array> {
  const { extensions } = parseCheckpoint(decodeUtf8(checkpointText));
  if (cosigner.type === ML_DSA_44 && extensions.length > 0) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      "an ML-DSA-44 signature does not cover extension lines, so none are signed",
    );
  }
  const message = messageFor(cosigner, timestampSeconds, checkpointText);
  const signature = await cosigner.keyPair.sign(message);
  return encodeTimestampedSignature({ timestampSeconds, signature });
}

/**
 * Whether the cosignature is good. ML-DSA-44 makes no statement about extension lines: whoever shows them must have them
 * covered by another signature.
 * @param claim.payload - the bytes that follow the key ID.
 * @param mlDsa44 - who checks ML-DSA-44; by default this thread.
 */
export function isValidCosignature(
  cosigner: Cosigner & { readonly publicKey: Uint8Array },
  { payload, checkpointText }: { readonly payload: Uint8Array; readonly checkpointText: Uint8Array },
  mlDsa44: Pick<MlDsa44, "isValid"> = { isValid: isValidMlDsa44 },
): Promise<boolean> {
  const signed = signedMessage(cosigner, payload, checkpointText);
  if (signed === undefined) return Promise.resolve(false);
  const claim = { ...signed, publicKey: cosigner.publicKey };
  return cosigner.type === ML_DSA_44 ? mlDsa44.isValid(claim) : isValidEd25519(claim);
}

/** @returns undefined when no message can be made, so that nothing can have been signed. */
function signedMessage(cosigner: Cosigner, payload: Uint8Array, checkpointText: Uint8Array) {
  try {
    const { timestampSeconds, signature } = decodeTimestampedSignature(cosigner.type, payload);
    return { message: messageFor(cosigner, timestampSeconds, checkpointText), signature };
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

function messageFor(cosigner: Cosigner, timestampSeconds: number, checkpointText: Uint8Array): Uint8Array {
  if (cosigner.type === COSIGNATURE_V1) return cosignatureV1Message(timestampSeconds, checkpointText);
  const { origin, treeSize, rootHash }: Checkpoint = parseCheckpoint(decodeUtf8(checkpointText));
  const cosignerName = cosigner.name;
  return subtreeMessage({ cosignerName, timestampSeconds, origin, start: 0, end: treeSize, hash: rootHash });
}

// opaque name<1..2^8-1>: one length byte, then the UTF-8 bytes.  RFC 8446 §3.4
function lengthPrefixed(name: string): Uint8Array {
  const bytes = encodeUtf8(name);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `want a name of 1 to ${MAX_NAME_BYTES} bytes, got ${bytes.length}`,
    );
  }
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}
