import { isValidEd25519, type KeyPair } from "#crypto";
import { TlogError } from "../errors.ts";

/**
 * A key pair whose signatures are verified before anybody sees them. Who holds the key elsewhere may be wrong about which key it
 * is, or fail in the middle: a checkpoint with a false signature would be kept, and told on, as if the log had signed it.
 */
export function checkedKeyPair({ publicKey, sign }: KeyPair): KeyPair {
  return {
    publicKey,
    async sign(message) {
      const signature = await sign(message);
      if (await isValidEd25519({ publicKey, message, signature })) return signature;
      throw new TlogError(
        "SIGNER_FAILED",
        "the key's holder made a signature that does not verify with its key",
      );
    },
  };
}
