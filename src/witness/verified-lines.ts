import { TlogError } from "../errors.ts";
import { type MlDsaOptions, type VerifierKey, verifierFor } from "../tlog/key.ts";
import { type Note, type VerifiedSignature, verifyNote } from "../tlog/note.ts";

/**
 * The lines of `keys` that verify, each tried by itself: anybody can add a broken line of one key, and it must not hide a good
 * one of another. For judging what is shown; whoever asks to be cosigned gets the strict rule of signed-note.
 * @throws {TlogError} CRYPTO_BUSY | CRYPTO_UNAVAILABLE: not known yet
 */
export async function verifiedLines(
  note: Note,
  keys: readonly VerifierKey[],
  options: MlDsaOptions,
): Promise<readonly VerifiedSignature[]> {
  const tried = keys.map(async (key) => {
    try {
      return (await verifyNote(note, [verifierFor(key, options)])).verified;
    } catch (error) {
      if (error instanceof TlogError && isVerdict(error)) return [];
      throw error;
    }
  });
  return (await Promise.all(tried)).flat();
}

function isVerdict({ code }: TlogError): boolean {
  return code === "SIGNATURE_MISSING" || code === "SIGNATURE_INVALID";
}
