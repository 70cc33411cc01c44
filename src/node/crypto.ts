/**
 * The Node body of `#crypto`: SHA-256 and Ed25519 by node:crypto. Same verdicts, byte for byte, as `src/crypto/default.ts`.
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import {
  ED25519_SEED_BYTES,
  isWorthVerifying,
  type KeyPair,
  type SignatureClaim,
} from "../crypto/ed25519-strict.ts";
import { TlogError } from "../errors.ts";

export type { KeyPair, SignatureClaim } from "../crypto/ed25519-strict.ts";

const SHA256_BYTES = 32;

// DER around a raw key: SubjectPublicKeyInfo and PKCS #8 PrivateKeyInfo with OID 1.3.101.112.  RFC 8410 §4, §7
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** @returns the 32-byte SHA-256 digest, in memory of its own. */
export function sha256(data: Uint8Array): Uint8Array {
  const digest = new Uint8Array(SHA256_BYTES);
  sha256Into(data, digest, 0);
  return digest;
}

/** Writes the 32-byte SHA-256 digest of `data` to out[offset, offset + 32). `data` and `out` may overlap. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  if (offset + SHA256_BYTES > out.length) throw new RangeError("want room for 32 bytes");
  // A digest as a latin1 string costs no allocation outside the JavaScript heap: 2.2 times as fast as a Buffer per hash. Reading
  // its characters costs less than one call that writes them, and least four at a time.
  const digest = hash("sha256", data, "binary");
  for (let at = 0; at < SHA256_BYTES; at += 4) {
    out[offset + at] = digest.charCodeAt(at);
    out[offset + at + 1] = digest.charCodeAt(at + 1);
    out[offset + at + 2] = digest.charCodeAt(at + 2);
    out[offset + at + 3] = digest.charCodeAt(at + 3);
  }
}

/** The one strict, cofactorless verdict; false also for wrong lengths.  RFC 8032 §5.1.7, {@link isWorthVerifying} */
export async function isValidEd25519(claim: SignatureClaim): Promise<boolean> {
  // OpenSSL checks the equation without the cofactor and compares R as bytes, but takes an A of small order.
  return (
    isWorthVerifying(claim) && verify(null, claim.message, importPublicKey(claim.publicKey), claim.signature)
  );
}

/**
 * @param seed - 32 bytes, not kept.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export async function ed25519KeyPair(seed: Uint8Array): Promise<KeyPair> {
  if (seed.length !== ED25519_SEED_BYTES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `Ed25519 seed: want ${ED25519_SEED_BYTES} bytes, got ${seed.length}`,
    );
  }
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    publicKey: Uint8Array.from(spki.subarray(SPKI_PREFIX.length)),
    sign: async (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

// Importing a key costs nearly as much as a verification. Only importBytes() writes; the bytes are the cache's key, so a
// stale or mixed-up answer cannot be; the oldest goes first, and a policy rarely names more than a few dozen keys.
const importedKeys = new Map<string, KeyObject>();
const MAX_IMPORTED_KEYS = 256;

// Of keys that are asked for as the same object, which saves making a text of the bytes; those may have changed since.
const recentKeys = new WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly key: KeyObject }>();

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const recent = recentKeys.get(publicKey);
  if (recent !== undefined && isSame(recent.bytes, publicKey)) return recent.key;
  const key = importBytes(publicKey);
  recentKeys.set(publicKey, { bytes: Uint8Array.from(publicKey), key });
  return key;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return a.length === b.length;
}

function importBytes(publicKey: Uint8Array): KeyObject {
  const bytes = Buffer.from(publicKey);
  const known = importedKeys.get(bytes.toString("latin1"));
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: "der", type: "spki" });
  for (const oldest of importedKeys.keys()) {
    if (importedKeys.size < MAX_IMPORTED_KEYS) break;
    importedKeys.delete(oldest);
  }
  importedKeys.set(bytes.toString("latin1"), key);
  return key;
}
