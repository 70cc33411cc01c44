/**
 * Ed25519 as RFC 8032 §5.1 defines it, in affine coordinates with big integers: slow and obvious. Shares nothing with either body of
 * `#crypto`, and can make what no honest signer makes: keys and commitments with a torsion part, foreign encodings.
 */
import { createHash } from "node:crypto";

export const P = 2n ** 255n - 19n;
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n));
const SQRT_MINUS_1 = power(2n, (P - 1n) / 4n);

export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

export const IDENTITY: Point = { x: 0n, y: 1n };
/** The base point: y = 4/5, x even. */
export const BASE: Point = decodePoint(encodeInteger(mod(4n * inverse(5n)))) ?? IDENTITY;
/** A point of order 8. */
export const TORSION: Point = orderEightPoint();

export function add(a: Point, b: Point): Point {
  const product = mod(D * a.x * b.x * a.y * b.y);
  // 1 / (1 + product) and 1 / (1 - product) with one inversion, which is most of the work.
  const both = inverse(mod((1n + product) * (1n - product)));
  return {
    x: mod((a.x * b.y + b.x * a.y) * both * (1n - product)),
    y: mod((a.y * b.y + a.x * b.x) * both * (1n + product)),
  };
}

export function multiply(scalar: bigint, point: Point): Point {
  let sum = IDENTITY;
  for (const bit of scalar.toString(2)) {
    sum = add(sum, sum);
    if (bit === "1") sum = add(sum, point);
  }
  return sum;
}

export function negate({ x, y }: Point): Point {
  return { x: mod(-x), y };
}

/** §5.1.2: y, little-endian, with the low bit of x on top. */
export function encodePoint({ x, y }: Point): Uint8Array {
  return encodeInteger(y + (x % 2n) * 2n ** 255n);
}

/** §5.1.3, strictly: undefined for y >= p, for y of no point, and for x = 0 with the sign bit set. */
export function decodePoint(bytes: Uint8Array): Point | undefined {
  const whole = decodeInteger(bytes);
  const y = whole % 2n ** 255n;
  const sign = whole / 2n ** 255n;
  if (y >= P) return undefined;
  const square = mod((y * y - 1n) * inverse(mod(D * y * y + 1n)));
  const x = [1n, SQRT_MINUS_1]
    .map((root) => mod(power(square, (P + 3n) / 8n) * root))
    .find((r) => mod(r * r) === square);
  if (x === undefined || (x === 0n && sign === 1n)) return undefined;
  return { x: x % 2n === sign ? x : mod(-x), y };
}

export function encodeInteger(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}

export function decodeInteger(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte, index) => sum + (BigInt(byte) << BigInt(8 * index)), 0n);
}

/** k = SHA-512(R || A || M) mod L. */
export function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return scalarHash(r, publicKey, message);
}

/** §5.1.5 and §5.1.6: the secret scalar and the nonce of a message. */
export function expandSeed(seed: Uint8Array): {
  readonly scalar: bigint;
  nonce(message: Uint8Array): bigint;
} {
  const digest = sha512(seed);
  const head = digest
    .subarray(0, 32)
    .map((byte, i) => (i === 0 ? byte & 248 : i === 31 ? (byte & 127) | 64 : byte));
  return {
    scalar: decodeInteger(head) % L,
    nonce: (message) => scalarHash(digest.subarray(32), message),
  };
}

/** The verdict of this project: S < L, A canonical and not of small order, and [S]B − [k]A encodes to R. */
export function isStrictlyValid(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const [r, s] = [signature.subarray(0, 32), decodeInteger(signature.subarray(32))];
  const a = decodePoint(publicKey);
  if (s >= L || a === undefined || isIdentity(multiply(8n, a))) return false;
  const expected = add(multiply(s, BASE), negate(multiply(challenge(r, publicKey, message), a)));
  return Buffer.compare(encodePoint(expected), r) === 0;
}

function isIdentity({ x, y }: Point): boolean {
  return x === 0n && y === 1n;
}

function orderEightPoint(): Point {
  for (let y = 2n; ; y++) {
    const point = decodePoint(encodeInteger(y));
    const torsion = point === undefined ? IDENTITY : multiply(L, point);
    if (!isIdentity(multiply(4n, torsion))) return torsion;
  }
}

function scalarHash(...parts: readonly Uint8Array[]): bigint {
  const digest = sha512(...parts);
  return (decodeInteger(digest.subarray(0, 32)) + (decodeInteger(digest.subarray(32)) << 256n)) % L;
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
}

function mod(value: bigint): bigint {
  return ((value % P) + P) % P;
}

/** Extended Euclid. */
function inverse(value: bigint): bigint {
  let [a, b, u, v] = [mod(value), P, 1n, 0n];
  while (a !== 0n) {
    const quotient = b / a;
    [a, b, u, v] = [b - quotient * a, a, v - quotient * u, u];
  }
  return mod(v);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P;
    if (bit === "1") result = (result * base) % P;
  }
  return result;
}
