import * as portable from "../../src/crypto/default.ts";
import { isWorthVerifying } from "../../src/crypto/ed25519-strict.ts";
import * as native from "../../src/node/crypto.ts";

/** A platform's WebCrypto as it is in browsers that have no Ed25519, so that noble decides. */
export function withoutEd25519(): portable.WebCrypto {
  const refuse = () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
  return {
    digest: (algorithm, data) => crypto.subtle.digest(algorithm, data),
    importKey: refuse,
    verify: refuse,
  };
}

const noble = withoutEd25519();

/** All bodies of `#crypto`, the default one also where it has to do without the platform's Ed25519: what one says, the others must say. */
export const BODIES = [
  { name: "node", body: native },
  { name: "default", body: portable },
  {
    name: "default without WebCrypto's Ed25519",
    body: {
      ...portable,
      isValidEd25519: async (claim: portable.SignatureClaim) =>
        isWorthVerifying(claim) && portable.isValidBy(noble, claim),
    },
  },
] as const;
