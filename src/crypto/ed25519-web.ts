/**
 * Ed25519 verification by WebCrypto, some twelve times as fast as by JavaScript, where it gives the one strict verdict. Platforms
 * differ on signatures that no honest signer makes, so each is asked about such ones first, and believed only if it gets all right.
 */
import { challengeOf, encodeScalar, type Sha512, type SignatureClaim } from "./ed25519-strict.ts";

/** The part of WebCrypto this needs; platforms without Ed25519 refuse the algorithm, or have less of it. */
export type WebCrypto = Pick<typeof globalThis.crypto.subtle, "digest" | "importKey" | "verify">;

/** @param claim - one that is worth verifying. Rejects where A is no point, or says false. */
export type EquationCheck = (claim: SignatureClaim) => Promise<boolean>;

const ED25519 = "Ed25519";

/**
 * @param options.timeoutMs - for all questions together. Default 2,000.
 * @returns undefined when one verdict is not the strict one, when one fails, and when they take too long.
 */
export async function strictWebVerifier(
  subtle: WebCrypto,
  { timeoutMs = 2_000 }: { readonly timeoutMs?: number } = {},
): Promise<EquationCheck | undefined> {
  const verify = webVerifier(subtle);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const isStrict = await Promise.race([passesEdges(subtle, verify), late]).catch(() => false);
  clearTimeout(timer);
  return isStrict ? verify : undefined;
}

async function passesEdges(subtle: WebCrypto, verify: EquationCheck): Promise<boolean> {
  const claims = await edgeClaims((data) => subtle.digest("SHA-512", data));
  const passed = await Promise.all(claims.map(async (claim) => (await verify(claim)) === claim.valid));
  return !passed.includes(false);
}

/** A key is imported for every claim: that costs a tenth of what checking does. */
function webVerifier(subtle: WebCrypto): EquationCheck {
  return async ({ publicKey, message, signature }) => {
    // Copied: the types of the platforms want bytes over an ArrayBuffer that is not shared.
    const key = await subtle.importKey("raw", new Uint8Array(publicKey), ED25519, false, ["verify"]);
    return subtle.verify(ED25519, key, new Uint8Array(signature), new Uint8Array(message));
  };
}

// B + T, where T has order 8; and p + 1, another spelling of 1.
const BASE_WITH_TORSION = "2pnii6Upzd41ol+6kFnnjsruI5+ZdVubGqT2XfAIA+I=";
const ENCODED_P_1 = filled(0xff).fill(0xee, 0, 1).fill(0x7f, 31);

/**
 * Claims on which implementations differ, all of them worth verifying: what {@link isWorthVerifying} refuses, a platform is never
 * asked. A and R are B, or B + T, or R is the identity; so S is k + 1 or k, whatever torsion there is. The message is one byte.
 */
export function edgeClaims(
  sha512: Sha512,
): Promise<readonly (SignatureClaim & { readonly valid: boolean })[]> {
  const base = filled(0x66).fill(0x58, 0, 1); // y = 4/5
  const twisted = Uint8Array.from(atob(BASE_WITH_TORSION), (char) => char.charCodeAt(0));
  const identity = filled(0).fill(1, 0, 1);
  const claim = async (
    { a, r, signed, message = signed }: Record<"a" | "r", Uint8Array> & { signed: number; message?: number },
    valid: boolean,
  ) => {
    const of = (s: bigint, byte: number) => ({
      publicKey: a,
      message: Uint8Array.of(byte),
      signature: Uint8Array.of(...r, ...encodeScalar(s)),
    });
    const k = await challengeOf(of(0n, signed), sha512);
    return { ...of(r === base || r === twisted ? k + 1n : k, message), valid };
  };
  return Promise.all([
    claim({ a: base, r: base, signed: 0 }, true), // honest
    claim({ a: base, r: base, signed: 0, message: 1 }, false), // another message
    claim({ a: base, r: twisted, signed: 0 }, false), // torsion in R
    claim({ a: twisted, r: base, signed: 26 }, true), // torsion in A, and k a multiple of 8: the equation holds
    claim({ a: twisted, r: base, signed: 0 }, false), // torsion in A
    claim({ a: twisted, r: twisted, signed: 4 }, true), // torsion in both that cancels out
    claim({ a: base, r: identity, signed: 0 }, true), // R the identity: degenerate, but the equation holds
    claim({ a: base, r: ENCODED_P_1, signed: 0 }, false), // the same R, written y = p + 1
  ]);
}

function filled(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}
