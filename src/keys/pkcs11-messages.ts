/** What a process and the one that speaks to its PKCS#11 module tell each other. Secrets travel in these messages and nowhere else. */
import type { ErrorCode } from "../errors.ts";
import type { Pkcs11Match } from "./pkcs11-uri.ts";

export type ToModule =
  | {
      readonly kind: "open";
      readonly modulePath: string;
      readonly match: Pkcs11Match;
      readonly pin: string | undefined;
      /** Makes the key first; refused when there is one that fits already. */
      readonly isNew: boolean;
    }
  | { readonly kind: "sign"; readonly message: Uint8Array };

export type FromModule =
  | { readonly kind: "opened"; readonly publicKey: Uint8Array }
  /** Nothing was tried: a PIN that is wrong counts against the token. */
  | { readonly kind: "pinWanted" }
  | { readonly kind: "signature"; readonly signature: Uint8Array }
  /** The process ends after it. */
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly message: string;
    };

/** Whether this is what the other side says: it holds a library that nobody here has read. */
export function isFromModule(value: unknown): value is FromModule {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  switch (value.kind) {
    case "opened":
      return "publicKey" in value && value.publicKey instanceof Uint8Array;
    case "signature":
      return "signature" in value && value.signature instanceof Uint8Array;
    case "failed":
      return (
        "code" in value &&
        typeof value.code === "string" &&
        "message" in value &&
        typeof value.message === "string"
      );
    default:
      return value.kind === "pinWanted";
  }
}
