// biome-ignore-all lint/suspicious/noBitwiseOperators: bytes of encoded numbers.
/**
 * What both bodies of `#crypto` refuse before any curve arithmetic, so that a server and a browser never differ on a signature.
 * The whole verdict (strict, cofactorless): S < L; A is canonical and not of small order; the encoding of [S]B − [k]A, with
 * k = SHA-512(R || A || M) mod L, equals R byte for byte.  RFC 8032 §5.1.7
 */

export const ED25519_SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What a verifier is asked: did the holder of this key sign this message? */
export interface SignatureClaim {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** A private key that can sign; the seed stays inside. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  /** @returns the signature: for Ed25519 64 bytes, the same for the same message (RFC 8032 §5.1.6). */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

// The field's prime, and the order of the base point.  RFC 8032 §5.1
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

// The y coordinates of the eight points whose order divides 8: order 1, 2, 4 (both have y = 0) and 8 (two of each y).
const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
const SMALL_ORDER_Y = [1n, P - 1n, 0n, ORDER_8_Y, P - ORDER_8_Y].map(encode);
const ENCODED_P = encode(P);
const ENCODED_L = encode(L);

/** Lengths, S < L, and a canonical A not of small order: false here is the verdict, true leaves the equation to check. */
export function isWorthVerifying({ publicKey, signature }: SignatureClaim): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  return compare(signature, 32, 0xff, ENCODED_L) < 0 && isStrictPublicKey(publicKey);
}

/** SHA-512 of bytes, 64 of them. */
export type Sha512 = (data: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;

/** k = SHA-512(R || A || M) mod L, with R from the signature.  RFC 8032 §5.1.7, step 2 */
export async function challengeOf(
  { publicKey, message, signature }: SignatureClaim,
  sha512: Sha512,
): Promise<bigint> {
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(signature.subarray(0, 32));
  hashed.set(publicKey, 32);
  hashed.set(message, 64);
  return littleEndian(new Uint8Array(await sha512(hashed))) % L;
}

/** @returns 32 bytes, least significant first, of the number modulo L: an S.  RFC 8032 §5.1.6, step 5 */
export function encodeScalar(value: bigint): Uint8Array {
  return encode(value % L);
}

/** @returns the bytes as an unsigned integer, least significant byte first. */
export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

// A point with x = 0 has y = 1 or y = −1, so refusing small orders by y also refuses "x = 0 with the sign bit set".
function isStrictPublicKey(publicKey: Uint8Array): boolean {
  return (
    compare(publicKey, 0, 0x7f, ENCODED_P) < 0 &&
    SMALL_ORDER_Y.every((y) => compare(publicKey, 0, 0x7f, y) !== 0)
  );
}

/** Less than, equal to or more than 0, as the number at bytes[from, from + 32), its top byte masked, and `other` compare. */
function compare(bytes: Uint8Array, from: number, topMask: number, other: Uint8Array): number {
  for (let at = 31, mask = topMask; at >= 0; at--, mask = 0xff) {
    const difference = ((bytes[from + at] ?? 0) & mask) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function encode(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) % 256n));
}
