/**
 * A file that a passphrase opens, as `age -p` writes it and `age -d` reads it; armored or not.
 *
 *     age-encryption.org/v1
 *     -> scrypt bBjlhJVYZeE4aqUdmtRHfw 18
 *     ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k
 *     --- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA
 *     (16 bytes of nonce, then the text with 16 bytes of tag)
 *
 * Only what a key file needs: the one recipient "scrypt", and a payload of one chunk.  c2sp.org/age
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { TlogError } from "../errors.ts";
import { concatBytes, decodeBase64, encodeBase64, encodeUtf8 } from "../tlog/encoding.ts";

const VERSION_LINE = "age-encryption.org/v1\n";
const ARMOR_BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_END = "-----END AGE ENCRYPTED FILE-----";
const ARMOR_COLUMNS = 64;
const KEY_BYTES = 16;
const SALT_BYTES = 16;
const NONCE_BYTES = 16;
const TAG_BYTES = 16;
const CHUNK_BYTES = 64 * 1024;
const CIPHER = "chacha20-poly1305";
const ZERO_NONCE = new Uint8Array(12);
/** The first chunk, and the last: a counter of eleven bytes, then 1. */
const ONLY_CHUNK_NONCE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const BLOCK_SIZE = 8;

/** As `age` has it: a second or so and 256 MiB, once at each start. */
export const WORK_FACTOR = 18;
/** Four times that; who writes the file must not decide how long a start takes. */
const MAX_WORK_FACTOR = 20;

/** Whether these bytes begin as an age file does. */
export function isAgeFile(bytes: Uint8Array): boolean {
  return startsWith(bytes, VERSION_LINE) || startsWith(bytes, ARMOR_BEGIN);
}

/**
 * @param options.workFactor - the base-2 logarithm of scrypt's N.
 * @returns the armored file: a text.
 */
export async function encryptAge(
  plaintext: Uint8Array,
  { passphrase, workFactor = WORK_FACTOR }: { readonly passphrase: string; readonly workFactor?: number },
): Promise<Uint8Array> {
  const fileKey = randomBytes(KEY_BYTES);
  const salt = randomBytes(SALT_BYTES);
  const wrapped = seal(await wrappingKey(passphrase, salt, workFactor), ZERO_NONCE, fileKey);
  const header = `${VERSION_LINE}-> scrypt ${unpadded(salt)} ${workFactor}\n${unpadded(wrapped)}\n---`;
  const nonce = randomBytes(NONCE_BYTES);
  const payload = seal(derived(fileKey, nonce, "payload"), ONLY_CHUNK_NONCE, plaintext);
  const mac = unpadded(macOf(fileKey, header));
  return encodeUtf8(armored(concatBytes(encodeUtf8(`${header} ${mac}\n`), nonce, payload)));
}

/**
 * @throws {TlogError} PASSPHRASE_WRONG | KEY_FILE_MALFORMED (no age file, changed since, not one for a passphrase, or one that takes too
 *   long to open); no message holds any of it
 */
export async function decryptAge(
  file: Uint8Array,
  { passphrase }: { readonly passphrase: string },
): Promise<Uint8Array> {
  const { header, salt, workFactor, wrapped, mac, payload } = parse(dearmored(file));
  const fileKey = open(await wrappingKey(passphrase, salt, workFactor), ZERO_NONCE, wrapped);
  if (fileKey === undefined) throw new TlogError("PASSPHRASE_WRONG", "this passphrase does not open it");
  if (!timingSafeEqual(macOf(fileKey, header), mac)) throw malformed("a header that was changed");
  const key = derived(fileKey, payload.subarray(0, NONCE_BYTES), "payload");
  return open(key, ONLY_CHUNK_NONCE, payload.subarray(NONCE_BYTES)) ?? refuse("a payload that was changed");
}

const HEADER =
  /^(age-encryption\.org\/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n---) ([A-Za-z0-9+/]{43})\n/;
const MAX_HEADER_BYTES = 256;

function parse(bytes: Uint8Array) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_HEADER_BYTES));
  const match = HEADER.exec(text);
  if (match === null) throw malformed("no header of a passphrase's alone");
  const [whole, header = "", salt = "", factor = "", wrapped = "", mac = ""] = match;
  const workFactor = Number(factor);
  if (workFactor > MAX_WORK_FACTOR) {
    throw malformed(`a work factor of ${workFactor}, at most ${MAX_WORK_FACTOR} is taken`);
  }
  const payload = bytes.subarray(whole.length);
  const chunkBytes = payload.length - NONCE_BYTES - TAG_BYTES;
  if (chunkBytes < 1 || chunkBytes > CHUNK_BYTES) throw malformed(`a payload of ${payload.length} bytes`);
  return {
    header,
    salt: fromUnpadded(salt),
    workFactor,
    wrapped: fromUnpadded(wrapped),
    mac: fromUnpadded(mac),
    payload,
  };
}

/** RFC 7468's strict form: lines of 64 columns, all of them full but the last. */
function dearmored(file: Uint8Array): Uint8Array {
  if (!startsWith(file, ARMOR_BEGIN)) return file;
  const text = new TextDecoder("latin1").decode(file).replaceAll("\r\n", "\n").trim();
  const lines = text.split("\n");
  const body = lines.slice(1, -1);
  const isWhole = lines[0] === ARMOR_BEGIN && lines.at(-1) === ARMOR_END && body.length > 0;
  const isFilled = body.every((line, at) =>
    at < body.length - 1 ? line.length === ARMOR_COLUMNS : line.length > 0 && line.length <= ARMOR_COLUMNS,
  );
  if (!isWhole || !isFilled) throw malformed("armor that is cut off, or not of lines of 64 letters");
  try {
    return decodeBase64(body.join(""));
  } catch {
    throw malformed("armor that is not base64");
  }
}

function armored(bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(/.{1,64}/g) ?? [];
  return [ARMOR_BEGIN, ...lines, ARMOR_END, ""].join("\n");
}

async function wrappingKey(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const cost = 2 ** workFactor;
  const salted = concatBytes(encodeUtf8("age-encryption.org/v1/scrypt"), salt);
  // What scrypt needs is 128 · N · r bytes and a little.
  const options = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 129 * cost * BLOCK_SIZE + 1024 * 1024 };
  return await new Promise((resolve, reject) => {
    scrypt(passphrase, salted, 32, options, (error, key) => {
      if (error === null) return resolve(key);
      reject(new TlogError("CRYPTO_UNAVAILABLE", `scrypt failed: ${error.message}`, { cause: error }));
    });
  });
}

function derived(fileKey: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, salt, info, 32));
}

function macOf(fileKey: Uint8Array, header: string): Uint8Array {
  const key = derived(fileKey, new Uint8Array(0), "header");
  return createHmac("sha256", key).update(header).digest();
}

function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** @returns undefined when the tag does not fit. */
function open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  try {
    return concatBytes(decipher.update(sealed.subarray(0, end)), decipher.final());
  } catch {
    return undefined;
  }
}

function unpadded(bytes: Uint8Array): string {
  return encodeBase64(bytes).replace(/=+$/, "");
}

function fromUnpadded(text: string): Uint8Array {
  try {
    return decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="));
  } catch {
    return refuse("base64 that is not canonical");
  }
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, text.length)) === text;
}

function refuse(got: string): never {
  throw malformed(got);
}

function malformed(got: string): TlogError {
  return new TlogError("KEY_FILE_MALFORMED", `want an age file for a passphrase, got ${got}`);
}
