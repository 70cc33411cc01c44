/**
 * What is said to an ssh-agent, each in a frame: uint32 length, one byte that names the message, and its fields; `string` is a uint32
 * length and that many bytes.
 *
 *     → 11                                                  list your keys
 *     ← 12  uint32 count, then count × (string key, string comment)
 *     → 13  string key, string data, uint32 flags (0)       sign this
 *     ← 14  string signature      where key is      (string "ssh-ed25519", string 32 bytes)
 *     ← 5                         no                 and signature (string "ssh-ed25519", string 64 bytes)
 *
 * draft-ietf-sshm-ssh-agent, "Protocol messages"; RFC 8709 §4 and §6
 */
import { TlogError } from "../errors.ts";
import { concatBytes, encodeUtf8, readUint32 } from "../tlog/encoding.ts";

/** The length of a frame before its length is read. */
export const FRAME_HEADER_BYTES = 4;
/** As OpenSSH's agent and its tools have it. */
export const MAX_FRAME_BYTES = 256 * 1024;

const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const ALGORITHM = "ssh-ed25519";
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** A key of an agent as it names it: the algorithm, and what follows it. */
export type AgentKey = Uint8Array;

/** The message that asks for the keys. */
export function encodeListRequest(): Uint8Array {
  return Uint8Array.of(REQUEST_IDENTITIES);
}

/** The message that asks for a signature. */
export function encodeSignRequest(key: AgentKey, data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(SIGN_REQUEST), encodeString(key), encodeString(data), encodeUint32(0));
}

/** The message with its length before it. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  return encodeString(message);
}

/** @returns how long the message is whose first four bytes these are. @throws {TlogError} SIGNER_FAILED: longer than any */
export function frameLength(header: Uint8Array): number {
  const length = readUint32(header, 0);
  if (length >= 1 && length <= MAX_FRAME_BYTES) return length;
  throw new TlogError("SIGNER_FAILED", `the agent announced a message of ${length} bytes`);
}

/** @throws {TlogError} SIGNER_FAILED: not what the protocol has */
export function decodeKeys(message: Uint8Array): readonly AgentKey[] {
  const fields = openFields(message, IDENTITIES_ANSWER);
  const count = fields.uint32();
  const keys: AgentKey[] = [];
  // Each takes at least eight bytes of what is there: no count makes this long.
  for (let index = 0; index < count; index++) {
    keys.push(fields.string());
    fields.string();
  }
  fields.end();
  return keys;
}

/** @returns the 64 bytes. @throws {TlogError} SIGNER_FAILED: the agent refuses, or it is not what the protocol has */
export function decodeSignature(message: Uint8Array): Uint8Array {
  const answer = openFields(message, SIGN_RESPONSE);
  const signature = answer.string();
  answer.end();
  return ed25519Part(signature, SIGNATURE_BYTES) ?? refuse("a signature that is not Ed25519's");
}

/** @returns the 32 bytes of an Ed25519 key; undefined when it is of another kind. @throws {TlogError} SIGNER_FAILED */
export function publicKeyOf(key: AgentKey): Uint8Array | undefined {
  return ed25519Part(key, PUBLIC_KEY_BYTES);
}

/** How an agent would name a public key. */
export function agentKeyOf(publicKey: Uint8Array): AgentKey {
  return concatBytes(encodeString(encodeUtf8(ALGORITHM)), encodeString(publicKey));
}

function ed25519Part(bytes: Uint8Array, length: number): Uint8Array | undefined {
  const fields = new Fields(bytes);
  if (!fields.isString(ALGORITHM)) return undefined;
  const part = fields.string();
  fields.end();
  if (part.length === length) return part;
  return refuse(`${part.length} bytes where Ed25519 has ${length}`);
}

function openFields(message: Uint8Array, wanted: number): Fields {
  const [kind] = message;
  if (kind === wanted) return new Fields(message.subarray(1));
  if (kind !== FAILURE) return refuse(`a message of type ${kind} instead of ${wanted}`);
  throw new TlogError(
    "SIGNER_FAILED",
    "the ssh-agent says no: it may be locked, its key gone, or somebody did not confirm",
  );
}

function refuse(got: string): never {
  throw new TlogError("SIGNER_FAILED", `the ssh-agent answered with ${got}`);
}

/** Reads fields in order; nothing may be left over. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0; // owned by uint32() and string()

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  uint32(): number {
    if (this.#bytes.length - this.#at < 4) refuse("a message that is cut off");
    const value = readUint32(this.#bytes, this.#at);
    this.#at += 4;
    return value;
  }

  /** @returns a copy. */
  string(): Uint8Array {
    const length = this.uint32();
    if (this.#bytes.length - this.#at < length) refuse("a message that is cut off");
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  isString(text: string): boolean {
    const wanted = encodeUtf8(text);
    const got = this.string();
    return got.length === wanted.length && got.every((byte, at) => byte === wanted[at]);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) refuse("a message with something after its end");
  }
}

function encodeString(bytes: Uint8Array): Uint8Array {
  return concatBytes(encodeUint32(bytes.length), bytes);
}

function encodeUint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
