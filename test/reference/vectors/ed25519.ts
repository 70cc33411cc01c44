import {
  add,
  BASE,
  challenge,
  encodeInteger,
  encodePoint,
  expandSeed,
  IDENTITY,
  isStrictlyValid,
  L,
  multiply,
  negate,
  P,
  type Point,
  TORSION,
} from "../ed25519.ts";
import { hex } from "../merkle.ts";
import type { VectorFile } from "./vector-file.ts";

interface Case {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const SEED = new Uint8Array(32).fill(0x42);
const { scalar: a, nonce } = expandSeed(SEED);
const A = multiply(a, BASE);
const MESSAGE = utf8("bristlecone");

/** Signatures that every verifier must judge alike. */
export function ed25519Vectors(): readonly VectorFile[] {
  const description =
    "Ed25519, strict and cofactorless: S < L, A canonical and not of small order, and the encoding of [S]B - [k]A equals R byte for " +
    "byte (RFC 8032 §5.1).";
  const judged = cases().map((one) => ({
    name: one.name,
    publicKey: hex(one.publicKey),
    message: hex(one.message),
    signature: hex(one.signature),
    valid: isStrictlyValid(one.publicKey, one.message, one.signature),
  }));
  return [{ name: "ed25519", description, cases: judged }];
}

function cases(): readonly Case[] {
  return [...ordinary(), ...smallOrder(), ...torsion(), ...scalars(), ...encodings(), ...lengths()];
}

function ordinary(): readonly Case[] {
  const good = honest(MESSAGE);
  return [
    { name: "an honest signature", ...good },
    { name: "an honest signature of no bytes at all", ...honest(new Uint8Array(0)) },
    { name: "another message", ...good, message: utf8("bristlecones") },
    { name: "another key", ...good, publicKey: encodePoint(multiply(a + 1n, BASE)) },
    { name: "a turned bit in R", ...good, signature: turnBit(good.signature, 0) },
    { name: "a turned bit in S", ...good, signature: turnBit(good.signature, 256) },
    { name: "the negated key", ...good, publicKey: encodePoint(negate(A)) },
  ];
}

// With A of small order and a message where [k]A vanishes, "R = identity, S = 0" satisfies the equation: nobody holds such a key.
function smallOrder(): readonly Case[] {
  const r = encodePoint(IDENTITY);
  const signature = signatureOf(r, 0n);
  const canonical = Array.from({ length: 8 }, (_, i) => multiply(BigInt(i), TORSION)).map((point, i) => {
    const publicKey = encodePoint(point);
    const message = find((m) => isAt(multiply(challenge(r, publicKey, m), point), IDENTITY));
    return { name: `A is ${i} times a point of order 8, the equation holds`, publicKey, message, signature };
  });
  const foreign = [
    { name: "A = identity, written y = p + 1", publicKey: encodeInteger(P + 1n), point: IDENTITY },
    {
      name: "A = identity, sign bit set on x = 0",
      publicKey: encodeInteger(1n + 2n ** 255n),
      point: IDENTITY,
    },
    {
      name: "A of order 2, sign bit set on x = 0",
      publicKey: encodeInteger(P - 1n + 2n ** 255n),
      point: { x: 0n, y: P - 1n },
    },
    { name: "A of order 4, written y = p", publicKey: encodeInteger(P), point: multiply(2n, TORSION) },
  ].map(({ name, publicKey, point }) => {
    const message = find((m) => isAt(multiply(challenge(r, publicKey, m), point), IDENTITY));
    return { name: `${name}, the equation holds`, publicKey, message, signature };
  });
  const identity = encodePoint(IDENTITY);
  return [
    ...canonical,
    ...foreign,
    {
      name: "A = identity, R = identity written y = p + 1",
      publicKey: identity,
      message: MESSAGE,
      signature: signatureOf(encodeInteger(P + 1n), 0n),
    },
  ];
}

// Parts of order 8 in R or A: equations with the cofactor do not see them.
function torsion(): readonly Case[] {
  const r = nonce(MESSAGE);
  const mixedR = encodePoint(add(multiply(r, BASE), TORSION));
  const mixedA = add(A, TORSION);
  const publicKey = encodePoint(mixedA);
  const plainR = encodePoint(multiply(r, BASE));
  const isMultipleOf8 = (m: Uint8Array) => challenge(plainR, publicKey, m) % 8n === 0n;
  const signed = (message: Uint8Array) => ({
    publicKey,
    message,
    signature: signatureOf(plainR, r + challenge(plainR, publicKey, message) * a),
  });
  return [
    {
      name: "R = rB + a point of order 8",
      publicKey: encodePoint(A),
      message: MESSAGE,
      signature: signatureOf(mixedR, r + challenge(mixedR, encodePoint(A), MESSAGE) * a),
    },
    {
      name: "A = aB + a point of order 8, k is a multiple of 8: the equation holds",
      ...signed(find(isMultipleOf8)),
    },
    {
      name: "A = aB + a point of order 8, k is not a multiple of 8",
      ...signed(find((m) => !isMultipleOf8(m))),
    },
    { name: "torsion in A and in R that cancel out: the equation holds", ...cancelling(mixedA, r) },
  ];
}

function cancelling(mixedA: Point, r: bigint): Omit<Case, "name"> {
  const publicKey = encodePoint(mixedA);
  const encodedR = encodePoint(add(multiply(r, BASE), multiply(3n, TORSION)));
  // [S]B − [k]A = rB − [k]T, so R = rB + 3T fits when k mod 8 is 5.
  const message = find((m) => challenge(encodedR, publicKey, m) % 8n === 5n);
  return {
    publicKey,
    message,
    signature: signatureOf(encodedR, r + challenge(encodedR, publicKey, message) * a),
  };
}

function scalars(): readonly Case[] {
  const good = honest(MESSAGE);
  const r = good.signature.subarray(0, 32);
  const s = (nonce(MESSAGE) + challenge(r, good.publicKey, MESSAGE) * a) % L;
  const withS = (name: string, value: bigint) => ({ name, ...good, signature: rawSignature(r, value) });
  const identity = encodePoint(IDENTITY);
  const k = challenge(identity, good.publicKey, MESSAGE);
  return [
    withS("S + L: the same scalar, spelled larger", s + L),
    withS("S + 8L", s + 8n * L),
    withS("S = L", L),
    withS("S = L - 1", L - 1n),
    withS("S = 2^256 - 1", 2n ** 256n - 1n),
    withS("S = 0", 0n),
    {
      name: "R = identity, S = ka: degenerate, but the equation holds",
      ...good,
      signature: signatureOf(identity, k * a),
    },
  ];
}

function encodings(): readonly Case[] {
  const good = honest(MESSAGE);
  const degenerate = (name: string, r: Uint8Array) => ({
    name,
    ...good,
    signature: signatureOf(r, challenge(r, good.publicKey, MESSAGE) * a),
  });
  return [
    degenerate("R = identity, written y = p + 1", encodeInteger(P + 1n)),
    degenerate("R = identity, sign bit set on x = 0", encodeInteger(1n + 2n ** 255n)),
    { name: "A is no point of the curve", ...good, publicKey: encodeInteger(2n) },
    { name: "A has y = 2^255 - 1, above p", ...good, publicKey: encodeInteger(2n ** 255n - 1n) },
    { name: "A is a point with y = 3, written y = p + 3", ...good, publicKey: encodeInteger(P + 3n) },
    { name: "A is all zero bits", ...good, publicKey: new Uint8Array(32) },
    { name: "R is no point of the curve", ...good, signature: signatureOf(encodeInteger(2n), 1n) },
    { name: "the signature is all zero bits", ...good, signature: new Uint8Array(64) },
  ];
}

function lengths(): readonly Case[] {
  const good = honest(MESSAGE);
  const resized = (bytes: Uint8Array, length: number) => Uint8Array.from({ length }, (_, i) => bytes[i] ?? 0);
  return [
    ...[0, 31, 33, 64].map((length) => ({
      name: `a key of ${length} bytes`,
      ...good,
      publicKey: resized(good.publicKey, length),
    })),
    ...[0, 32, 63, 65, 128].map((length) => ({
      name: `a signature of ${length} bytes`,
      ...good,
      signature: resized(good.signature, length),
    })),
  ];
}

function honest(message: Uint8Array): Omit<Case, "name"> {
  const r = nonce(message);
  const [encodedR, publicKey] = [encodePoint(multiply(r, BASE)), encodePoint(A)];
  return {
    publicKey,
    message,
    signature: signatureOf(encodedR, r + challenge(encodedR, publicKey, message) * a),
  };
}

function signatureOf(encodedR: Uint8Array, s: bigint): Uint8Array {
  return rawSignature(encodedR, s % L);
}

function rawSignature(encodedR: Uint8Array, s: bigint): Uint8Array {
  return Uint8Array.from([...encodedR, ...encodeInteger(s)]);
}

function isAt(point: Point, other: Point): boolean {
  return point.x === other.x && point.y === other.y;
}

function find(isWanted: (message: Uint8Array) => boolean): Uint8Array {
  for (let counter = 0; ; counter++) {
    const message = utf8(`bristlecone ${counter}`);
    if (isWanted(message)) return message;
  }
}

function turnBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
