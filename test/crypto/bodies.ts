import * as portable from "../../src/crypto/default.ts";
import * as native from "../../src/node/crypto.ts";

/** Both bodies of `#crypto`: what one says, the other must say. */
export const BODIES = [
  { name: "node", body: native },
  { name: "default", body: portable },
] as const;
