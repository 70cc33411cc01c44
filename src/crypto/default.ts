/**
 * The default body of `#crypto`, for browsers, workers, Deno and Bun: the @noble libraries, and SHA-512 from WebCrypto. What
 * noble's would weigh, 2.4 KiB gzipped, is an eighth of the client's budget, and only signatures, which are awaited anyway, need it.
 * Same verdicts, byte for byte, as `src/node/crypto.ts`.
 */
import { getPublicKeyAsync, Point, signAsync } from "@noble/ed25519";
import { _SHA256 } from "@noble/hashes/sha2.js";
import { TlogError } from "../errors.ts";
import {
  ED25519_SEED_BYTES,
  isWorthVerifying,
  type KeyPair,
  littleEndian,
  type SignatureClaim,
  scalarOf,
} from "./ed25519-strict.ts";

export type { KeyPair, SignatureClaim } from "./ed25519-strict.ts";

/** @returns the 32-byte SHA-256 digest, in memory of its own. */
export function sha256(data: Uint8Array): Uint8Array {
  // Not its `sha256`, which checks and freezes options nobody gives here: 300 bytes of the client, gzipped.
  return new _SHA256().update(data).digest();
}

/** Writes the 32-byte SHA-256 digest of `data` to out[offset, offset + 32). `data` and `out` may overlap. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  out.set(sha256(data), offset);
}

/**
 * The one strict, cofactorless verdict; false also for wrong lengths.  RFC 8032 §5.1.7, {@link isWorthVerifying}
 * @throws {TlogError} CRYPTO_UNAVAILABLE
 */
export async function isValidEd25519(claim: SignatureClaim): Promise<boolean> {
  return isWorthVerifying(claim) && satisfiesEquation(claim);
}

/**
 * @param seed - 32 bytes, kept as a copy.
 * @throws {TlogError} ARGUMENT_INVALID | CRYPTO_UNAVAILABLE
 */
export async function ed25519KeyPair(seed: Uint8Array): Promise<KeyPair> {
  if (seed.length !== ED25519_SEED_BYTES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `Ed25519 seed: want ${ED25519_SEED_BYTES} bytes, got ${seed.length}`,
    );
  }
  webCrypto();
  const ownSeed = Uint8Array.from(seed);
  return { publicKey: await getPublicKeyAsync(ownSeed), sign: (message) => signAsync(message, ownSeed) };
}

// noble's own verify multiplies by the cofactor and so accepts an R with a torsion part; this does not.
async function satisfiesEquation({ publicKey, message, signature }: SignatureClaim): Promise<boolean> {
  const encodedR = signature.subarray(0, 32);
  const minusA = decodePoint(publicKey)?.negate();
  if (minusA === undefined) return false;
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(encodedR);
  hashed.set(publicKey, 32);
  hashed.set(message, 64);
  const k = scalarOf(new Uint8Array(await webCrypto().digest("SHA-512", hashed)));
  const s = littleEndian(signature.subarray(32));
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

/** Missing from web pages that came over plain http from another machine. */
function webCrypto(): Pick<typeof globalThis.crypto.subtle, "digest"> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) return subtle;
  throw new TlogError(
    "CRYPTO_UNAVAILABLE",
    "signatures need WebCrypto: open the page over https or from localhost",
  );
}
