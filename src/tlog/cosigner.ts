/** Witness keys: what they sign is chosen by whoever holds the log's state, so the time comes with each call. c2sp.org/tlog-cosignature */
import type { KeyPair } from "#crypto";
import { TlogError } from "../errors.ts";
import { isValidSubtree } from "../merkle/subtree.ts";
import {
  COSIGNATURE_V1,
  type CosignatureType,
  encodeTimestampedSignature,
  ML_DSA_44,
  type SubtreeStatement,
  signCosignature,
  subtreeMessage,
} from "./cosignature.ts";
import { keyIdOf, type MlDsaOptions, openKeyPair, type VerifierKey } from "./key.ts";

/** A key that cosigns: one here, an agent's or a key service's elsewhere. */
export interface CosignerKey {
  /** Of type 0x04 or 0x06; the name is the cosigner's. */
  readonly verifierKey: VerifierKey;
  /**
   * Cosigns a checkpoint. That it is the largest consistent one seen at that time is the caller's promise.
   * @param args.timestampSeconds - POSIX seconds, at least 1: 0 would make no statement, which add-checkpoint forbids.
   * @param args.checkpointText - origin to extension lines, final newline included.
   * @returns what follows the key ID in the signature line.
   * @throws {TlogError} CHECKPOINT_MALFORMED | ARGUMENT_INVALID (a time of 0; extension lines, which 0x06 does not cover), and
   *   what the key's holder throws (CRYPTO_BUSY, CRYPTO_UNAVAILABLE)
   */
  cosign(args: {
    readonly timestampSeconds: number;
    readonly checkpointText: Uint8Array;
  }): Promise<Uint8Array>;
  /**
   * Cosigns a subtree, with timestamp 0. Type 0x06 only: a 0x04 key has no such method.
   * @throws {TlogError} ARGUMENT_INVALID (no valid subtree), and what the key's holder throws
   */
  readonly signSubtree?: (statement: SubtreeToSign) => Promise<Uint8Array>;
}

/** Leaves [start, end) of a log and their root hash. */
export type SubtreeToSign = Pick<SubtreeStatement, "origin" | "start" | "end" | "hash">;

/**
 * Opens a cosigner's private key: text of type 0x04 or 0x06; one of type 0x01, as Go tools keep it, opens as 0x04.
 * @throws {TlogError} SIGNING_KEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export async function openCosignerKey(signingKey: string, options: MlDsaOptions = {}): Promise<CosignerKey> {
  const { name, type, keyPair } = await openKeyPair(signingKey, options);
  return cosignerKey(keyPair, { name, type: type === ML_DSA_44 ? ML_DSA_44 : COSIGNATURE_V1 });
}

/** A cosigner of a key pair, wherever the private half of it is. */
export function cosignerKey(
  keyPair: KeyPair,
  { name, type }: { readonly name: string; readonly type: CosignatureType },
): CosignerKey {
  const { publicKey } = keyPair;
  const verifierKey = { name, type, publicKey, keyId: keyIdOf({ name, type, publicKey }) };
  const cosign = cosignWith({ name, type, keyPair });
  if (type !== ML_DSA_44) return { verifierKey, cosign };
  return { verifierKey, cosign, signSubtree: (statement) => signSubtreeWith({ name, keyPair }, statement) };
}

function cosignWith(cosigner: {
  readonly name: string;
  readonly type: CosignatureType;
  readonly keyPair: KeyPair;
}): CosignerKey["cosign"] {
  return async ({ timestampSeconds, checkpointText }) => {
    if (timestampSeconds < 1) {
      throw new TlogError("ARGUMENT_INVALID", `timestampSeconds: want at least 1, got ${timestampSeconds}`);
    }
    return await signCosignature(cosigner, { timestampSeconds, checkpointText });
  };
}

async function signSubtreeWith(
  { name, keyPair }: { readonly name: string; readonly keyPair: KeyPair },
  { origin, start, end, hash }: SubtreeToSign,
): Promise<Uint8Array> {
  if (!isValidSubtree({ start, end })) {
    throw new TlogError("ARGUMENT_INVALID", `leaves [${start}, ${end}) are no subtree`);
  }
  const statement = { cosignerName: name, timestampSeconds: 0, origin, start, end, hash };
  const signature = await keyPair.sign(subtreeMessage(statement));
  return encodeTimestampedSignature({ timestampSeconds: 0, signature });
}
