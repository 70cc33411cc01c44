/** Deterministic keys for the tests of this folder. */
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type KeyType,
  type NoteSigner,
  openSigner,
} from "../../src/tlog/key.ts";

export const TIME = 1_700_000_000;

/** A signer of this name and type; the same name, type and number give the same key. */
export async function testSigner(
  name: string,
  type: KeyType = 1,
  number = 1,
  time = TIME,
): Promise<NoteSigner> {
  const seed = new Uint8Array(32).fill(number);
  const signingKey = formatSigningKey(await generateSigningKey({ name, type, seed }));
  const clock = type === 1 || (type === 6 && time === 0) ? {} : { timestampSeconds: () => time };
  return openSigner(signingKey, clock);
}

export function vkeyOf({ verifierKey }: NoteSigner): string {
  return formatVerifierKey(verifierKey);
}

/** The UTF-8 bytes of a text. */
export const utf8 = encodeUtf8;

/** The text of UTF-8 bytes. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
