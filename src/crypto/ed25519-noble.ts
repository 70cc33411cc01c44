/** The equation of an Ed25519 signature by @noble/ed25519's points: for where the platform has none, or one with other verdicts. */
import { Point } from "@noble/ed25519";
import { challengeOf, littleEndian, type Sha512, type SignatureClaim } from "./ed25519-strict.ts";

/**
 * Whether the encoding of [S]B − [k]A is R, byte for byte: without the cofactor. noble's own verify multiplies by it, and so
 * accepts an R with a torsion part.  RFC 8032 §5.1.7
 * @param claim - one that is worth verifying.
 */
export async function satisfiesEquation(claim: SignatureClaim, sha512: Sha512): Promise<boolean> {
  const { publicKey, signature } = claim;
  const minusA = decodePoint(publicKey)?.negate();
  if (minusA === undefined) return false;
  const s = littleEndian(signature.subarray(32));
  const k = await challengeOf(claim, sha512);
  const expectedR = Point.BASE.multiply(s, false).add(minusA.multiply(k, false)).toBytes();
  return expectedR.every((byte, index) => byte === signature[index]);
}

function decodePoint(encoded: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(encoded);
  } catch {
    return undefined; // not on the curve: an answer here, not a failure
  }
}
