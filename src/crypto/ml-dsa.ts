/**
 * ML-DSA-44, FIPS 204: the pure variant with an empty context, as c2sp.org/tlog-cosignature uses it. The library is loaded at the
 * first use, so that a program without ML-DSA keys never pays for it. A call takes milliseconds of its thread: a server gives
 * whoever checks or signs an {@link MlDsa44} that works elsewhere (`src/node/ml-dsa-pool.ts`).
 */
import { TlogError } from "../errors.ts";
import type { KeyPair, SignatureClaim } from "./ed25519-strict.ts";

export const ML_DSA_44_PUBLIC_KEY_BYTES = 1312;
export const ML_DSA_44_SIGNATURE_BYTES = 2420;
export const ML_DSA_44_SEED_BYTES = 32;

/** A signature to check, and on whose behalf. */
export interface MlDsaClaim extends SignatureClaim {
  /** Where checks have to wait, those of one lane wait for each other and take turns with other lanes. Default: one lane for all. */
  readonly lane?: string;
}

/** Who does the arithmetic. All give the same verdicts and the same public keys. */
export interface MlDsa44 {
  /** The verdict of FIPS 204 algorithm 3; false also for wrong lengths. */
  isValid(claim: MlDsaClaim): Promise<boolean>;
  /** As {@link mlDsa44KeyPair}. */
  keyPair(seed: Uint8Array): Promise<KeyPair>;
}

/** In this thread. */
export const mlDsa44: MlDsa44 = {
  isValid: (claim) => isValidMlDsa44(claim),
  keyPair: (seed) => mlDsa44KeyPair(seed),
};

/** The same, with all checks in one lane. */
export function inLane(mlDsa44: MlDsa44, lane: string): MlDsa44 {
  return {
    isValid: (claim) => mlDsa44.isValid({ ...claim, lane }),
    keyPair: (seed) => mlDsa44.keyPair(seed),
  };
}

/** The verdict of FIPS 204 algorithm 3; false also for wrong lengths. */
export async function isValidMlDsa44({ publicKey, message, signature }: SignatureClaim): Promise<boolean> {
  if (publicKey.length !== ML_DSA_44_PUBLIC_KEY_BYTES || signature.length !== ML_DSA_44_SIGNATURE_BYTES)
    return false;
  const { ml_dsa44 } = await import("@noble/post-quantum/ml-dsa.js");
  return ml_dsa44.verify(signature, message, publicKey);
}

/**
 * A key pair whose signatures are 2,420 bytes and hedged, the default of FIPS 204 (§3.4) and of the library: two of one message
 * differ, so what was signed cannot be made again from its key and message, only kept.
 * @param seed - 32 bytes (FIPS 204's ξ), not kept.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export async function mlDsa44KeyPair(seed: Uint8Array): Promise<KeyPair> {
  if (seed.length !== ML_DSA_44_SEED_BYTES) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `ML-DSA-44 seed: want ${ML_DSA_44_SEED_BYTES} bytes, got ${seed.length}`,
    );
  }
  const { ml_dsa44 } = await import("@noble/post-quantum/ml-dsa.js");
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  return { publicKey, sign: async (message) => ml_dsa44.sign(message, secretKey) };
}
