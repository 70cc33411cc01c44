/**
 * The default body of `#crypto`, for browsers, workers, Deno and Bun: signatures by WebCrypto where it is strict, else by
 * @noble/ed25519 with WebCrypto's SHA-512. noble's own SHA-512 would weigh 2.4 KiB gzipped, an eighth of the client's budget, and only
 * signatures, which are awaited anyway, need one. Same verdicts, byte for byte, as `src/node/crypto.ts`.
 */
import { getPublicKeyAsync, signAsync } from "@noble/ed25519";
import { TlogError } from "../errors.ts";
import { satisfiesEquation } from "./ed25519-noble.ts";
import { ED25519_SEED_BYTES, isWorthVerifying, type KeyPair, type SignatureClaim } from "./ed25519-strict.ts";
import { type EquationCheck, strictWebVerifier, type WebCrypto } from "./ed25519-web.ts";
import { SHA256_BYTES, sha256Into } from "./sha256.ts";

export type { KeyPair, SignatureClaim } from "./ed25519-strict.ts";
export type { WebCrypto } from "./ed25519-web.ts";
export { sha256Into } from "./sha256.ts";

/** @returns the 32-byte SHA-256 digest, in memory of its own. */
export function sha256(data: Uint8Array): Uint8Array {
  const digest = new Uint8Array(SHA256_BYTES);
  sha256Into(data, digest, 0);
  return digest;
}

/**
 * The one strict, cofactorless verdict; false also for wrong lengths.  RFC 8032 §5.1.7, {@link isWorthVerifying}
 * @throws {TlogError} CRYPTO_UNAVAILABLE
 */
export async function isValidEd25519(claim: SignatureClaim): Promise<boolean> {
  return isWorthVerifying(claim) && isValidBy(webCrypto(), claim);
}

/** The verdict on a claim that is worth verifying: the platform's own where that is strict and there is one, else noble's. */
export async function isValidBy(
  subtle: WebCrypto,
  { publicKey, message, signature }: SignatureClaim,
): Promise<boolean> {
  // Of its own: the caller's bytes may change while the platform is asked.
  const claim = { publicKey: publicKey.slice(), message: message.slice(), signature: signature.slice() };
  const verifier = await verifierOf(subtle);
  // Not every platform takes an A that is no point: those that do not say so by failing.
  const verdict = await verifier?.(claim).catch(() => undefined);
  return verdict ?? satisfiesEquation(claim, (data) => subtle.digest("SHA-512", data));
}

// Each platform is asked once; a page has one. Only the function below writes.
const verifiers = new WeakMap<WebCrypto, Promise<EquationCheck | undefined>>();

function verifierOf(subtle: WebCrypto): Promise<EquationCheck | undefined> {
  const known = verifiers.get(subtle) ?? strictWebVerifier(subtle);
  verifiers.set(subtle, known);
  return known;
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

/** Missing from web pages that came over plain http from another machine. */
function webCrypto(): WebCrypto {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) return subtle;
  throw new TlogError(
    "CRYPTO_UNAVAILABLE",
    "signatures need WebCrypto: open the page over https or from localhost",
  );
}
