/**
 * "example.com/foo+530d903a+AekyeRrm…3U2k": name + key ID + base64(type || public key), a verifier key; and
 * "PRIVATE+KEY+example.com/foo+530d903a+AYEK…DFz", the same with the 32-byte seed, as Go's sumdb/note writes it.
 * c2sp.org/signed-note, signatures and verifier keys
 */
import { ed25519KeyPair, isValidEd25519, type KeyPair, sha256 } from "#crypto";
import { ML_DSA_44_PUBLIC_KEY_BYTES, type MlDsa44, mlDsa44KeyPair } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { COSIGNATURE_V1, isValidCosignature, ML_DSA_44, signCosignature } from "./cosignature.ts";
import {
  bytesEqual,
  concatBytes,
  decodeBase64,
  decodeHex,
  encodeBase64,
  encodeUtf8,
  readUint32,
} from "./encoding.ts";

/** Signature type 0x01: Ed25519 over the note's text.  c2sp.org/signed-note, signature types */
export const ED25519 = 0x01;
/** The signature types this program makes and verifies; the document asks to support no more than needed. */
export type KeyType = typeof ED25519 | typeof COSIGNATURE_V1 | typeof ML_DSA_44;

const PUBLIC_KEY_BYTES = { [ED25519]: 32, [COSIGNATURE_V1]: 32, [ML_DSA_44]: ML_DSA_44_PUBLIC_KEY_BYTES };
const SEED_BYTES = 32;
const MAX_KEY_TEXT_CHARS = 8192;
const SIGNING_KEY_PREFIX = "PRIVATE+KEY+";

/** First line of the text of a change of a log's keys: spec/key-history.md. No checkpoint begins so, for no origin has a space. */
export const KEY_CHANGE = "bristlecone key change v1";

/** A public key with the name it signs under. */
export interface VerifierKey {
  readonly name: string;
  /** Unsigned 32-bit; with the name it tells keys apart, it does not prove anything. */
  readonly keyId: number;
  readonly type: KeyType;
  readonly publicKey: Uint8Array;
}

/** A private key as it lies in a file. */
export interface SigningKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: KeyType;
  /** 32 bytes, secret. */
  readonly seed: Uint8Array;
}

/** Something that can sign a note: a key in memory here, an agent or a key service elsewhere. */
export interface NoteSigner {
  readonly verifierKey: VerifierKey;
  /**
   * @param text - of a checkpoint, or of a change of the log's keys.
   * @returns what follows the key ID in the signature line.
   */
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** Something that can check a note's signature. */
export interface NoteVerifier {
  readonly verifierKey: VerifierKey;
  /** @param claim.payload - what follows the key ID in the signature line. */
  verify(claim: { readonly text: Uint8Array; readonly payload: Uint8Array }): Promise<boolean>;
}

/** Whether a note can carry this name: not empty, no Unicode space, no plus, no control character.  signed-note, format */
export function isKeyName(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) < 0x20) return false;
  return /^[!-*,-~]+$/.test(name) || /^[^\p{White_Space}\p{Surrogate}+]+$/u.test(name);
}

/** SHA-256(name || 0x0A || type || public key)[:4], as an unsigned 32-bit number.  signed-note, signatures */
export function keyIdOf({ name, type, publicKey }: Omit<VerifierKey, "keyId">): number {
  return readUint32(sha256(concatBytes(encodeUtf8(`${name}\n`), Uint8Array.of(type), publicKey)), 0);
}

/** What tells keys apart: name and key ID, as one string. No two keys share one by accident.  signed-note, signatures */
export function keyLabel({ name, keyId }: Pick<VerifierKey, "name" | "keyId">): string {
  return `${name}+${formatKeyId(keyId)}`;
}

/**
 * Parses a vkey; formatVerifierKey(parseVerifierKey(x)) === x.
 * @throws {TlogError} VKEY_MALFORMED (also when the key ID is not the one of the key) | KEY_TYPE_UNSUPPORTED
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  const { name, keyId, type, material: publicKey } = parseKeyText(vkey, "VKEY_MALFORMED");
  if (publicKey.length !== PUBLIC_KEY_BYTES[type]) {
    throw new TlogError(
      "VKEY_MALFORMED",
      `want a key of ${PUBLIC_KEY_BYTES[type]} bytes, got ${publicKey.length}`,
    );
  }
  const wanted = keyIdOf({ name, type, publicKey });
  if (keyId !== wanted) {
    throw new TlogError("VKEY_MALFORMED", `key ID: want ${formatKeyId(wanted)}, got ${formatKeyId(keyId)}`);
  }
  return { name, keyId, type, publicKey };
}

/** The vkey. */
export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${keyLabel({ name, keyId })}+${encodeBase64(concatBytes(Uint8Array.of(type), publicKey))}`;
}

/**
 * Parses a private key; formatSigningKey(parseSigningKey(x)) === x. That the key ID fits is checked by {@link openSigner}.
 * @throws {TlogError} SIGNING_KEY_MALFORMED | KEY_TYPE_UNSUPPORTED; no message or cause holds any of the text.
 */
export function parseSigningKey(text: string): SigningKey {
  if (!text.startsWith(SIGNING_KEY_PREFIX)) {
    throw new TlogError("SIGNING_KEY_MALFORMED", `want a text that starts with ${SIGNING_KEY_PREFIX}`);
  }
  const rest = text.slice(SIGNING_KEY_PREFIX.length);
  const { name, keyId, type, material: seed } = parseKeyText(rest, "SIGNING_KEY_MALFORMED");
  if (seed.length !== SEED_BYTES) {
    throw new TlogError("SIGNING_KEY_MALFORMED", `want a seed of ${SEED_BYTES} bytes, got ${seed.length}`);
  }
  return { name, keyId, type, seed };
}

/** The private key's text: a secret. */
export function formatSigningKey({ name, keyId, type, seed }: SigningKey): string {
  return `${SIGNING_KEY_PREFIX}${keyLabel({ name, keyId })}+${encodeBase64(concatBytes(Uint8Array.of(type), seed))}`;
}

/**
 * Makes a private key.
 * @param args.seed - 32 secret random bytes; by default drawn from the platform.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export async function generateSigningKey({
  name,
  type = ED25519,
  seed = crypto.getRandomValues(new Uint8Array(SEED_BYTES)),
}: {
  readonly name: string;
  readonly type?: KeyType;
  readonly seed?: Uint8Array;
}): Promise<SigningKey> {
  if (!isKeyName(name)) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `want a key name without spaces or plus, got ${JSON.stringify(name)}`,
    );
  }
  const { publicKey } = await keyPairOf({ type, seed });
  return { name, keyId: keyIdOf({ name, type, publicKey }), type, seed };
}

/** Who checks and makes ML-DSA-44 signatures. */
export interface MlDsaOptions {
  /** By default this thread, which then stands still for some milliseconds a signature. */
  readonly mlDsa44?: MlDsa44;
}

/** How a signer behaves beyond what its key says. */
export interface SignerOptions extends MlDsaOptions {
  /** 0x04: open an Ed25519 key of type 0x01 as a cosigner's, as Go tools do. Never a key that also signs a log. */
  readonly type?: typeof COSIGNATURE_V1;
  /** The time a cosignature states. Needed by type 0x04; type 0x06 states 0 without it, "no statement", as a log does. */
  readonly timestampSeconds?: () => number;
}

/**
 * Opens a private key for signing.
 * @throws {TlogError} SIGNING_KEY_MALFORMED | KEY_TYPE_UNSUPPORTED | ARGUMENT_INVALID (a type the key cannot have; 0x04 without a clock)
 */
export async function openSigner(signingKey: string, options: SignerOptions = {}): Promise<NoteSigner> {
  const { name, type, keyPair } = await openKeyPair(signingKey, options);
  return noteSigner(keyPair, { name, type: signingType(type, options.type) }, options.timestampSeconds);
}

/**
 * A signer of a key pair, wherever the private half of it is.
 * @param clock - the time a cosignature states; see {@link SignerOptions}.
 * @throws {TlogError} ARGUMENT_INVALID (0x04 without a clock)
 */
export function noteSigner(
  keyPair: KeyPair,
  { name, type }: Pick<VerifierKey, "name" | "type">,
  clock?: () => number,
): NoteSigner {
  const { publicKey } = keyPair;
  const verifierKey = { name, keyId: keyIdOf({ name, type, publicKey }), type, publicKey };
  if (type === ED25519) return { verifierKey, sign: (text) => keyPair.sign(text) };
  if (type === COSIGNATURE_V1 && clock === undefined) {
    throw new TlogError("ARGUMENT_INVALID", "timestampSeconds: a cosigner of type 0x04 needs a clock");
  }
  const now = clock ?? (() => 0);
  return {
    verifierKey,
    sign: (text) =>
      type === ML_DSA_44 && isKeyChangeText(text)
        ? keyPair.sign(text)
        : signCosignature({ name, type, keyPair }, { timestampSeconds: now(), checkpointText: text }),
  };
}

/** Signed as it is: no `cosigned_message`, which begins with "subtree/v1", can be it. */
function isKeyChangeText(text: Uint8Array): boolean {
  const head = encodeUtf8(`${KEY_CHANGE}\n`);
  return bytesEqual(text.subarray(0, head.length), head);
}

/**
 * Opens a private key for signing messages of any kind: see {@link openSigner} and `openCosignerKey`.
 * @throws {TlogError} SIGNING_KEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export async function openKeyPair(
  signingKey: string,
  options: MlDsaOptions = {},
): Promise<{ readonly name: string; readonly type: KeyType; readonly keyPair: KeyPair }> {
  const { name, type, seed, keyId } = parseSigningKey(signingKey);
  const keyPair = await keyPairOf({ type, seed }, options);
  if (keyIdOf({ name, type, publicKey: keyPair.publicKey }) !== keyId) {
    throw new TlogError("SIGNING_KEY_MALFORMED", "the key ID is not the one of the key");
  }
  return { name, type, keyPair };
}

/** A verifier for the key, whatever its type. */
export function verifierFor(verifierKey: VerifierKey, { mlDsa44 }: MlDsaOptions = {}): NoteVerifier {
  const { name, type, publicKey } = verifierKey;
  return {
    verifierKey,
    verify: ({ text, payload }) =>
      type === ED25519
        ? isValidEd25519({ publicKey, message: text, signature: payload })
        : isValidCosignature({ name, type, publicKey }, { payload, checkpointText: text }, mlDsa44),
  };
}

function signingType(own: KeyType, asked: KeyType = own): KeyType {
  if (asked === own || (asked === COSIGNATURE_V1 && own === ED25519)) return asked;
  throw new TlogError("ARGUMENT_INVALID", `a key of type ${own} cannot sign as type ${asked}`);
}

function keyPairOf(
  { type, seed }: Pick<SigningKey, "type" | "seed">,
  { mlDsa44 }: MlDsaOptions = {},
): Promise<KeyPair> {
  if (type !== ML_DSA_44) return ed25519KeyPair(seed);
  return mlDsa44 === undefined ? mlDsa44KeyPair(seed) : mlDsa44.keyPair(seed);
}

interface KeyText {
  readonly name: string;
  readonly keyId: number;
  readonly type: KeyType;
  readonly material: Uint8Array;
}

// Splits at the first two plus signs only: base64 has some too. Quotes nothing but the type, since the text may be a secret.
function parseKeyText(text: string, code: "VKEY_MALFORMED" | "SIGNING_KEY_MALFORMED"): KeyText {
  const match = text.length <= MAX_KEY_TEXT_CHARS ? /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(text) : null;
  const [, name = "", keyId = "", base64 = ""] = match ?? [];
  if (!isKeyName(name)) throw new TlogError(code, "want name+8 hex digits+base64, the name without spaces");
  const bytes = decodeKeyBytes(base64, code);
  return {
    name,
    keyId: readUint32(decodeHex(keyId), 0),
    type: keyTypeOf(bytes, code),
    material: bytes.slice(1),
  };
}

function decodeKeyBytes(base64: string, code: "VKEY_MALFORMED" | "SIGNING_KEY_MALFORMED"): Uint8Array {
  try {
    return decodeBase64(base64);
  } catch {
    throw new TlogError(code, "the part after the key ID is not base64"); // without the cause: it quotes the text
  }
}

function keyTypeOf([type]: Uint8Array, code: "VKEY_MALFORMED" | "SIGNING_KEY_MALFORMED"): KeyType {
  if (type === ED25519 || type === COSIGNATURE_V1 || type === ML_DSA_44) return type;
  if (type === undefined) throw new TlogError(code, "want a type byte and a key, got none");
  throw new TlogError("KEY_TYPE_UNSUPPORTED", `want a key of type 1, 4 or 6, got ${type}`);
}

function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}
