/** Other spellings of base64 than the one RFC 4648 §4 gives, and things that are no hash. */

import { concatBytes, decodeBase64, encodeBase64 } from "../../tlog/encoding.ts";
import { InapplicableError } from "../inapplicable.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** By the word of a recipe. Each takes and gives base64. */
export const SPELLINGS: ReadonlyMap<string, (base64: string) => string> = new Map([
  ["padding-bits", withPaddingBits],
  ["no-padding", (base64) => changed(base64, base64.replaceAll("=", ""))],
  ["url-alphabet", (base64) => changed(base64, base64.replaceAll("+", "-").replaceAll("/", "_"))],
  ["short", (base64) => encodeBase64(decodeBase64(base64).slice(0, -1))],
  ["long", (base64) => encodeBase64(concatBytes(decodeBase64(base64), Uint8Array.of(0)))],
  ["flipped", flipped],
]);

/** One of the unused bits before the padding is set: RFC 4648 §3.5. */
function withPaddingBits(base64: string): string {
  const [, start = "", last = "", padding = ""] = /^(.*)(.)(=+)$/.exec(base64) ?? [];
  return changed(base64, start + ALPHABET.charAt(ALPHABET.indexOf(last) + 1) + padding);
}

/** The last byte's lowest bit is turned. */
function flipped(base64: string): string {
  const bytes = decodeBase64(base64);
  const last = bytes.length - 1;
  return encodeBase64(bytes.map((byte, at) => (at !== last ? byte : byte % 2 === 0 ? byte + 1 : byte - 1)));
}

function changed(before: string, after: string): string {
  if (after !== before) return after;
  throw new InapplicableError(
    "what this run sends would be spelled the same: it can be tried at another size",
  );
}
