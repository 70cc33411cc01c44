/**
 * Ed25519 verification by WebCrypto, some twelve times as fast as by JavaScript, where it gives the one strict verdict. Platforms
 * differ on signatures that no honest signer makes, so each is asked about such ones first, and believed only if it gets all right.
 */
import type { SignatureClaim } from "./ed25519-strict.ts";

/** The part of WebCrypto this needs; platforms without Ed25519 refuse the algorithm, or have less of it. */
export type WebVerification = Pick<typeof globalThis.crypto.subtle, "importKey" | "verify">;

/** @param claim - one that is worth verifying. Rejects where A is no point, or says false. */
export type EquationCheck = (claim: SignatureClaim) => Promise<boolean>;

const ED25519 = "Ed25519";

/**
 * @param options.timeoutMs - for all questions together. Default 2,000.
 * @returns undefined when one verdict is not the strict one, when one fails, and when they take too long.
 */
export async function strictWebVerifier(
  subtle: WebVerification,
  { timeoutMs = 2_000 }: { readonly timeoutMs?: number } = {},
): Promise<EquationCheck | undefined> {
  const verify = webVerifier(subtle);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const passed = Promise.all(edgeClaims().map(async (claim) => (await verify(claim)) === claim.valid));
  const isStrict = await Promise.race([passed.then((verdicts) => !verdicts.includes(false)), late]).catch(
    () => false,
  );
  clearTimeout(timer);
  return isStrict ? verify : undefined;
}

/** A key is imported for every claim: that costs a tenth of what checking does. */
function webVerifier(subtle: WebVerification): EquationCheck {
  return async ({ publicKey, message, signature }) => {
    // Copied: the types of the platforms want bytes over an ArrayBuffer that is not shared.
    const key = await subtle.importKey("raw", new Uint8Array(publicKey), ED25519, false, ["verify"]);
    return subtle.verify(ED25519, key, new Uint8Array(signature), new Uint8Array(message));
  };
}

// A = aB and R = rB; A′ = A + T and R′ = R + T, where T has order 8; then the S of each claim below. 32 bytes each.
const NUMBERS =
  "bCBW0Y/L/iy6TKxuLH2+vXRKzu880zuoJHsviAjqk3NFmqTiEE/boTrinjEp2xxRfM/BjaWVXT6BkCvoYnbWH41pcEZ6Qtw1AQed3SoIoHrrGFSMr6pKdJp/l5Ehz1AB" +
  "7balnGKH4aElDg41PO4toXKXj7xrgEkEmQfmAxE7Lzl6i65ITpYKZ7fb2E805IkXyGQK2HjFf8fOxzI83YCdB6Ia3v9nZLUeJHTAL+djaDs/OaYW6gcre63+r9hxrOwI" +
  "F/z6CEGAIRpN0IR5xs9JBV7DqYZo4dZKJZTd+5QCdwAuQLl5Ppyvl6qxDE97gZPV8aGul2G+bHpQJ1RrnK0IDn/YGGWZ0sleFvEyq+i4E4/eX1avryMSYvqNlxT2HRkC" +
  "lZHOSvocPR+fRyVxfCBHnhfhxV6hOrrEk17tcz8FbgjqAvwplkQ+2sHQs77E8rZKIgpcx307ka/gO7vTLvgEBw==";

/**
 * Claims on which implementations differ, all of them worth verifying: what {@link isWorthVerifying} refuses, a platform is never
 * asked. The message is one byte.
 */
export function edgeClaims(): readonly (SignatureClaim & { readonly valid: boolean })[] {
  const numbers = Uint8Array.from(atob(NUMBERS), (char) => char.charCodeAt(0));
  const number = (at: number): Uint8Array => numbers.subarray(32 * at, 32 * (at + 1));
  const identity = new Uint8Array(32).fill(1, 0, 1);
  const unreduced = new Uint8Array(32).fill(0xff).fill(0xee, 0, 1).fill(0x7f, 31);
  const claim = (a: number, r: Uint8Array, s: number, message: number, valid: boolean) => ({
    publicKey: number(a),
    message: Uint8Array.of(message),
    signature: Uint8Array.of(...r, ...number(s)),
    valid,
  });
  return [
    claim(0, number(2), 4, 0, true), // honest
    claim(0, number(2), 4, 1, false), // another message
    claim(0, number(3), 5, 0, false), // torsion in R
    claim(1, number(2), 6, 7, true), // torsion in A, and k a multiple of 8: the equation holds
    claim(1, number(2), 7, 1, false), // torsion in A
    claim(1, number(3), 8, 3, true), // torsion in both that cancels out
    claim(0, identity, 9, 0, true), // R the identity: degenerate, but the equation holds
    claim(0, unreduced, 10, 0, false), // the same R, written y = p + 1
  ];
}
