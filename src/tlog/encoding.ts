/**
 * The spellings C2SP formats share: decimal, base64, hex, UTF-8, big-endian integers. Each parser accepts exactly one spelling.
 */
import { TlogError } from "../errors.ts";

const MAX_SAFE_DIGITS = "9007199254740991"; // 2^53 − 1
const HEX_DIGITS = "0123456789abcdef";
const BASE64_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** So far below 0 that three digits beside it do not lift a group of four to 0. */
const NO_DIGIT = -(2 ** 24);
const SEXTETS = Int32Array.from({ length: 128 }, (_, code) => {
  const sextet = BASE64_DIGITS.indexOf(String.fromCharCode(code));
  return sextet < 0 ? NO_DIGIT : sextet;
});
const TWO_32 = 2 ** 32;
const MAX_U64_HIGH = 2 ** 21 - 1; // the upper half of 2^53 − 1

// Neither remembers anything between two calls. Making one costs more than it takes to read a checkpoint.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * "0" or "20852163": ASCII digits without leading zeroes.  c2sp.org/tlog-checkpoint, note text
 * @throws {TlogError} NUMBER_MALFORMED | NUMBER_TOO_LARGE (above `max`, by default 2^53 − 1: refused, never rounded)
 */
export function parseDecimal(text: string, { max = Number.MAX_SAFE_INTEGER }: { max?: number } = {}): number {
  if (!/^(?:0|[1-9][0-9]*)$/.test(text)) {
    throw new TlogError(
      "NUMBER_MALFORMED",
      `want a decimal number without leading zeroes, got ${quote(text)}`,
    );
  }
  const isSafe =
    text.length < MAX_SAFE_DIGITS.length ||
    (text.length === MAX_SAFE_DIGITS.length && text <= MAX_SAFE_DIGITS);
  let value = 0;
  if (isSafe) for (const digit of text) value = value * 10 + (digit.charCodeAt(0) - 48);
  if (!isSafe || value > max) {
    throw new TlogError("NUMBER_TOO_LARGE", `want a number up to ${max}, got ${quote(text)}`);
  }
  return value;
}

/** @throws {TlogError} ARGUMENT_INVALID unless `value` is a safe integer of 0 or more. */
export function formatDecimal(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TlogError("ARGUMENT_INVALID", `want a safe integer of 0 or more, got ${value}`);
  }
  return value.toString();
}

/**
 * RFC 4648 §4: padded, no white space.
 * @param options.paddingBits - "strict" (default): the unused bits before the padding are zero, so a value has one spelling;
 *   "ignored": as Go reads signature lines.
 * @throws {TlogError} BASE64_MALFORMED
 */
export function decodeBase64(
  text: string,
  { paddingBits = "strict" }: { paddingBits?: "strict" | "ignored" } = {},
): Uint8Array {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  // 24 bits at a time. Negative when one of the four is no digit; and a typed array takes a number's lowest byte.
  let group = text.length % 4 === 0 ? 0 : NO_DIGIT;
  for (let at = 0, to = 0; at < digits && group >= 0; at += 4, to += 3) {
    group = sextetAt(text, at) * 2 ** 18 + sextetAt(text, at + 1) * 2 ** 12;
    if (at + 2 < digits) group += sextetAt(text, at + 2) * 2 ** 6;
    if (at + 3 < digits) group += sextetAt(text, at + 3);
    bytes[to] = group / 2 ** 16;
    bytes[to + 1] = group / 2 ** 8;
    bytes[to + 2] = group;
  }
  if (group < 0) throw new TlogError("BASE64_MALFORMED", `want padded base64, got ${quote(text)}`);
  // What the last group has beyond the bytes it stands for.
  if (paddingBits === "strict" && group % 256 ** padding !== 0) {
    throw new TlogError("BASE64_MALFORMED", `want zero bits before the base64 padding, got ${quote(text)}`);
  }
  return bytes;
}

/** RFC 4648 §4, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Lowercase, two digits a byte.
 * @throws {TlogError} HEX_MALFORMED
 */
export function decodeHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new TlogError("HEX_MALFORMED", `want lowercase hex, got ${quote(text)}`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] =
      HEX_DIGITS.indexOf(text.charAt(2 * index)) * 16 + HEX_DIGITS.indexOf(text.charAt(2 * index + 1));
  }
  return bytes;
}

/** Lowercase, two digits a byte. */
export function encodeHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/**
 * Strict: no overlong form, no surrogate, nothing replaced; a byte order mark is kept as U+FEFF.
 * @throws {TlogError} UTF8_MALFORMED
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new TlogError("UTF8_MALFORMED", "want valid UTF-8", { cause });
  }
}

/** @throws {TlogError} UTF8_MALFORMED when the text holds half of a surrogate pair, which TextEncoder would replace. */
export function encodeUtf8(text: string): Uint8Array {
  assertWellFormed(text);
  return encoder.encode(text);
}

/** @throws {TlogError} UTF8_MALFORMED when the text holds half of a surrogate pair, which no bytes stand for. */
export function assertWellFormed(text: string): void {
  // The first pattern is quick; what it finds, mostly nothing, may be whole pairs.
  if (/[\uD800-\uDFFF]/.test(text) && /\p{Surrogate}/u.test(text)) {
    throw new TlogError("UTF8_MALFORMED", "want well-formed text, got half of a surrogate pair");
  }
}

/** Big-endian, 2 bytes. @throws {TlogError} ARGUMENT_INVALID when they are not all there. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return byteAt(bytes, offset) * 256 + byteAt(bytes, offset + 1);
}

/** Big-endian, 4 bytes. @throws {TlogError} ARGUMENT_INVALID when they are not all there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 65536 + readUint16(bytes, offset + 2);
}

/**
 * Big-endian, 8 bytes.
 * @throws {TlogError} ARGUMENT_INVALID when they are not all there | NUMBER_TOO_LARGE above 2^53 − 1
 */
export function readUint64(bytes: Uint8Array, offset: number): number {
  const high = readUint32(bytes, offset);
  const low = readUint32(bytes, offset + 4);
  if (high > MAX_U64_HIGH) throw new TlogError("NUMBER_TOO_LARGE", "want a 64-bit number up to 2^53 - 1");
  return high * TWO_32 + low;
}

/** @returns 2 bytes, big-endian. @throws {TlogError} ARGUMENT_INVALID */
export function encodeUint16(value: number): Uint8Array {
  return encodeUint(value, 2);
}

/** @returns 4 bytes, big-endian. @throws {TlogError} ARGUMENT_INVALID */
export function encodeUint32(value: number): Uint8Array {
  return encodeUint(value, 4);
}

/** @returns 8 bytes, big-endian. @throws {TlogError} ARGUMENT_INVALID unless `value` is a safe integer of 0 or more. */
export function encodeUint64(value: number): Uint8Array {
  return encodeUint(value, 8);
}

/** @returns the parts one after the other, in memory of its own. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Not in constant time: for public values only. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function encodeUint(value: number, width: 2 | 4 | 8): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
    throw new TlogError("ARGUMENT_INVALID", `want an integer that fits ${width} bytes, got ${value}`);
  }
  const bytes = new Uint8Array(width);
  let rest = value;
  for (let index = width - 1; index >= 0; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

function byteAt(bytes: Uint8Array, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined)
    throw new TlogError("ARGUMENT_INVALID", `want a byte at ${offset}, got ${bytes.length} bytes`);
  return byte;
}

function sextetAt(text: string, at: number): number {
  return SEXTETS[text.charCodeAt(at)] ?? NO_DIGIT;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
