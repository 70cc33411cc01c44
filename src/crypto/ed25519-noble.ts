/** The equation of an Ed25519 signature by @noble/ed25519's points: for where the platform has none, or one with other verdicts. */
import { Point } from "@noble/ed25519";
import { littleEndian, type SignatureClaim, scalarOf } from "./ed25519-strict.ts";

/**
 * Whether the encoding of [S]B − [k]A is R, byte for byte: without the cofactor. noble's own verify multiplies by it, and so
 * accepts an R with a torsion part.  RFC 8032 §5.1.7
 * @param claim - one that is worth verifying.
 */
export async function satisfiesEquation(
  { publicKey, message, signature }: SignatureClaim,
  sha512: (data: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>,
): Promise<boolean> {
  const encodedR = signature.slice(0, 32);
  const s = littleEndian(signature.subarray(32));
  const minusA = decodePoint(publicKey)?.negate();
  if (minusA === undefined) return false;
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(encodedR);
  hashed.set(publicKey, 32);
  hashed.set(message, 64);
  const k = scalarOf(new Uint8Array(await sha512(hashed)));
  const expectedR = Point.BASE.multiply(s, false).add(minusA.multiply(k, false)).toBytes();
  return expectedR.every((byte, index) => byte === encodedR[index]);
}

function decodePoint(encoded: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(encoded);
  } catch {
    return undefined; // not on the curve: an answer here, not a failure
  }
}
