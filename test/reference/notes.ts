/**
 * Keys, notes and cosignatures as the C2SP documents put them together, byte by byte, with node:crypto's Ed25519. ML-DSA-44 is the
 * library's, in its deterministic form: there is no second one to compare with.
 */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { sha256 } from "./merkle.ts";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A key that can sign whatever it is given. */
export interface ReferenceKey {
  readonly name: string;
  readonly type: number;
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly keyId: Uint8Array;
  readonly vkey: string;
  readonly signingKey: string;
  /** The bare signature, without time. */
  sign(message: Uint8Array): Uint8Array;
}

/** The key of this name, type and seed: 32 times the same byte. */
export function referenceKey(name: string, type: number, seedByte: number): ReferenceKey {
  const seed = new Uint8Array(32).fill(seedByte);
  const { publicKey, sign } = type === 6 ? mlDsaPair(seed) : ed25519Pair(seed);
  const keyId = sha256(utf8(`${name}\n`), Uint8Array.of(type), publicKey).subarray(0, 4);
  const id = Buffer.from(keyId).toString("hex");
  return {
    name,
    type,
    seed,
    publicKey,
    keyId,
    vkey: `${name}+${id}+${base64(Uint8Array.of(type), publicKey)}`,
    signingKey: `PRIVATE+KEY+${name}+${id}+${base64(Uint8Array.of(type), seed)}`,
    sign,
  };
}

/** "— name base64\n" */
export function signatureLine({ name, keyId }: ReferenceKey, payload: Uint8Array): string {
  return `— ${name} ${base64(keyId, payload)}\n`;
}

/** What follows the key ID when this key signs this text, at this time if its type has one. */
export function payloadOf(key: ReferenceKey, text: string, time = 0): Uint8Array {
  if (key.type === 1) return key.sign(utf8(text));
  return join(uint64(time), key.sign(messageOf(key, text, time)));
}

/** The message of types 4 and 6. */
export function messageOf(key: ReferenceKey, text: string, time: number): Uint8Array {
  if (key.type === 4) return utf8(`cosignature/v1\ntime ${time}\n${text}`);
  const [origin = "", size = "", root = ""] = text.split("\n");
  return join(
    utf8("subtree/v1\n\0"),
    prefixed(key.name),
    uint64(time),
    prefixed(origin),
    uint64(0),
    uint64(BigInt(size)),
    Buffer.from(root, "base64"),
  );
}

/** The text and the lines of these keys. */
export function signedNote(
  text: string,
  keys: readonly (readonly [key: ReferenceKey, time?: number])[],
): string {
  return `${text}\n${keys.map(([key, time]) => signatureLine(key, payloadOf(key, text, time))).join("")}`;
}

export function base64(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString("base64");
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function uint64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return Uint8Array.from(bytes);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function prefixed(name: string): Uint8Array {
  const bytes = utf8(name);
  return join(Uint8Array.of(bytes.length), bytes);
}

function ed25519Pair(seed: Uint8Array): Pick<ReferenceKey, "publicKey" | "sign"> {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return {
    publicKey: Uint8Array.from(publicKey),
    sign: (message) => Uint8Array.from(sign(null, message, key)),
  };
}

function mlDsaPair(seed: Uint8Array): Pick<ReferenceKey, "publicKey" | "sign"> {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  return { publicKey, sign: (message) => ml_dsa44.sign(message, secretKey, { extraEntropy: false }) };
}
