import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import type { Guard } from "../keys/guard.ts";
import type { ThinningRule, WitnessStore } from "../store/witness-store.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { encodeHex } from "../tlog/encoding.ts";
import type { OwnSignature, Roster } from "./witness.ts";

export interface WitnessOptions {
  /** The cosigner's name: of all `keys`. */
  readonly name: string;
  /** Owned by the witness from here on: `close` closes it. */
  readonly store: WitnessStore;
  /** Owned by the witness too. */
  readonly guard: Guard;
  /** An Ed25519 key (0x04), and an ML-DSA-44 key (0x06) if there is one. */
  readonly keys: readonly CosignerKey[];
  readonly roster: Roster;
  readonly events: WitnessEvents;
  /** Milliseconds since 1970: what cosignatures state. */
  readonly now: () => number;
  /** @returns 32 lowercase hex digits nobody can guess. */
  readonly randomToken: () => string;
  /** Where ML-DSA-44 signatures are checked. */
  readonly mlDsa44: MlDsa44;
  /** How old rows of the history are thinned. */
  readonly thinning: readonly ThinningRule[];
  /** Accept that the guard is lost, and start a new one from what the store says. Only an operator can know that this is right. */
  readonly recreateGuard: boolean;
  /** The witness's own signatures that were found elsewhere, beyond what its store knows. */
  readonly ownSignatures: readonly OwnSignature[];
  /** Take over `ownSignatures` as what was cosigned last, instead of refusing to start. */
  readonly adoptOwnSignatures: boolean;
}

/** @throws {TlogError} ARGUMENT_INVALID */
export function assertWitnessOptions({ name, keys, roster }: WitnessOptions): void {
  const types = keys.map(({ verifierKey }) => verifierKey.type);
  if (types.join() !== `${COSIGNATURE_V1}` && types.join() !== `${COSIGNATURE_V1},${ML_DSA_44}`) {
    throw invalid(`keys: want one of type 4, then at most one of type 6, got ${types.join(", ") || "none"}`);
  }
  const other = keys.find(({ verifierKey }) => verifierKey.name !== name);
  if (other !== undefined) throw invalid(`keys: want the name ${name}, got ${other.verifierKey.name}`);
  // A cosignature/v1 message does not name its cosigner: a key that also signs a log could be made to cosign for it.
  const own = new Set(keys.map(({ verifierKey }) => encodeHex(verifierKey.publicKey)));
  for (const { origin, logKeys } of roster.logs()) {
    if (origin === name) throw invalid(`the log ${origin} is named as the witness is`);
    if (logKeys.some(({ publicKey }) => own.has(encodeHex(publicKey)))) {
      throw invalid(`the witness's key also signs the log ${origin}: want a key of its own`);
    }
  }
}

function invalid(message: string): TlogError {
  return new TlogError("ARGUMENT_INVALID", message);
}
