/** The lines a witness answers with, taken apart: which key each is of, at which time, and whether it verifies. */
import { isValidMlDsa44 } from "../../crypto/ml-dsa.ts";
import { orUndefined } from "../../errors.ts";
import {
  COSIGNATURE_V1,
  type CosignatureType,
  decodeTimestampedSignature,
  ML_DSA_44,
  subtreeMessage,
  type TimestampedSignature,
} from "../../tlog/cosignature.ts";
import { decodeUtf8, encodeUtf8 } from "../../tlog/encoding.ts";
import { keyLabel, type VerifierKey, verifierFor } from "../../tlog/key.ts";
import { type NoteSignature, parseSignatureLine } from "../../tlog/note.ts";

/** A line of a known key, or of none. */
export interface CosignatureLine {
  readonly signature: NoteSignature;
  readonly key: VerifierKey | undefined;
}

/** More than any answer needs: each line may have to be verified. */
const MAX_LINES = 100;
const MAX_LINES_BYTES = 128 * 1024;

/** @returns undefined unless it is 1 to 100 signature lines of at most 128 KiB, each ending in a newline. */
export function parseLines(body: Uint8Array): readonly string[] | undefined {
  if (body.length > MAX_LINES_BYTES) return undefined;
  const text = orUndefined(() => decodeUtf8(body));
  if (text === undefined || !text.endsWith("\n")) return undefined;
  const lines = text.slice(0, -1).split("\n");
  if (lines.length > MAX_LINES) return undefined;
  return lines.every((line) => orUndefined(() => parseSignatureLine(line)) !== undefined) ? lines : undefined;
}

export function withKeys(lines: readonly string[], keys: readonly VerifierKey[]): readonly CosignatureLine[] {
  return lines.map((line) => {
    const signature = parseSignatureLine(line);
    return { signature, key: keys.find((key) => keyLabel(key) === keyLabel(signature)) };
  });
}

/** What the line says by its length: 76 or 2,432 bytes with the key ID. undefined: neither kind of cosignature. */
export function timestamped({
  payload,
}: NoteSignature): (TimestampedSignature & { type: CosignatureType }) | undefined {
  for (const type of [COSIGNATURE_V1, ML_DSA_44] as const) {
    const decoded = orUndefined(() => decodeTimestampedSignature(type, payload));
    if (decoded !== undefined) return { ...decoded, type };
  }
  return undefined;
}

/** Whether a known key's line is its cosignature on the checkpoint. */
export async function isCosignature({ signature, key }: CosignatureLine, text: Uint8Array): Promise<boolean> {
  if (key === undefined) return false;
  return await verifierFor(key).verify({ text, payload: signature.payload });
}

/** Whether a known key's line is its cosignature, without a time, on a subtree. */
export async function isSubtreeCosignature(
  { signature, key }: CosignatureLine,
  subtree: {
    readonly origin: string;
    readonly start: number;
    readonly end: number;
    readonly hash: Uint8Array;
  },
): Promise<boolean> {
  const decoded = timestamped(signature);
  if (key?.type !== ML_DSA_44 || decoded?.type !== ML_DSA_44 || decoded.timestampSeconds !== 0) return false;
  const message = subtreeMessage({ ...subtree, cosignerName: key.name, timestampSeconds: 0 });
  return await isValidMlDsa44({ publicKey: key.publicKey, message, signature: decoded.signature });
}

export function lineBytes(lines: readonly string[]): Uint8Array {
  return encodeUtf8(lines.map((line) => `${line}\n`).join(""));
}
