import { readFileSync } from "node:fs";
import { verifyAsync } from "@noble/ed25519";
import { describe, expect, it } from "vitest";
import { isValidBy, type WebCrypto } from "../../src/crypto/default.ts";
import { isWorthVerifying } from "../../src/crypto/ed25519-strict.ts";
import { edgeClaims, strictWebVerifier } from "../../src/crypto/ed25519-web.ts";
import { BODIES, withoutEd25519 } from "./bodies.ts";

interface Vector {
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

const url = new URL("../../spec/vectors/ed25519.json", import.meta.url);
const vectors: readonly Vector[] = JSON.parse(readFileSync(url, "utf8")).cases;
const EDGES = await edgeClaims((data) => crypto.subtle.digest("SHA-512", data));
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

/** This platform's WebCrypto, with verdicts bent as `bend` says. */
function bent(
  bend: (
    honest: boolean,
    claim: { readonly publicKey: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array },
  ) => unknown,
): WebCrypto {
  const { subtle } = crypto;
  const rawKeys = new WeakMap<object, Uint8Array>();
  const asBytes = (data: unknown) => (data instanceof Uint8Array ? data : new Uint8Array(0));
  return {
    ...withoutEd25519(),
    importKey: async (...args: Parameters<typeof subtle.importKey>) => {
      const key = await subtle.importKey(...args);
      rawKeys.set(key, asBytes(args[1]));
      return key;
    },
    verify: async (...args: Parameters<typeof subtle.verify>) => {
      const [, key, signature, message] = args;
      const claim = {
        publicKey: rawKeys.get(key)!,
        message: asBytes(message),
        signature: asBytes(signature),
      };
      return (await bend(await subtle.verify(...args), claim)) as boolean;
    },
  } as WebCrypto;
}

const IDENTITY_R = `01${"00".repeat(31)}`;
const hexR = (signature: Uint8Array) => Buffer.from(signature.subarray(0, 32)).toString("hex");
const unlike = (honest: boolean, at: number, claim: { readonly signature: Uint8Array }) =>
  Buffer.compare(EDGES[at]!.signature, claim.signature) === 0 ? !honest : honest;

const WRONG: readonly (readonly [string, () => WebCrypto])[] = [
  ["has no Ed25519", withoutEd25519],
  ["has no verify at all", () => ({ digest: withoutEd25519().digest }) as WebCrypto],
  ["accepts everything", () => bent(() => true)],
  ["refuses everything", () => bent(() => false)],
  [
    "multiplies by the cofactor",
    () => bent((_, { publicKey, message, signature }) => verifyAsync(signature, message, publicKey)),
  ],
  ["accepts torsion in A whatever k is", () => bent((honest, claim) => unlike(honest, 4, claim))],
  ["refuses torsion in A whatever k is", () => bent((honest, claim) => unlike(honest, 3, claim))],
  ["refuses torsion that cancels out", () => bent((honest, claim) => unlike(honest, 5, claim))],
  [
    "refuses an R of small order",
    () => bent((honest, { signature }) => honest && hexR(signature) !== IDENTITY_R),
  ],
  ["accepts an R that is not canonical", () => bent((honest, claim) => unlike(honest, 7, claim))],
  ["says 1 for yes", () => bent((honest) => (honest ? 1 : 0))],
  ["fails", () => bent(() => Promise.reject(new Error("OperationError")))],
];

describe("the claims a platform is asked first", () => {
  it.each(BODIES)("have the verdict they name, $name body", async ({ body }) => {
    for (const claim of EDGES) {
      expect(isWorthVerifying(claim)).toBe(true);
      expect(await body.isValidEd25519(claim)).toBe(claim.valid);
    }
  });

  it("are passed by this platform, which is then believed", async () => {
    const verify = await strictWebVerifier(crypto.subtle);
    for (const claim of EDGES) expect(await verify?.(claim)).toBe(claim.valid);
  });

  it.each(WRONG)("give away a platform that %s; noble decides in its place", async (_, platform) => {
    const subtle = platform();
    expect(await strictWebVerifier(subtle)).toBeUndefined();
    const judged = vectors.map(({ publicKey, message, signature, valid }) => ({
      claim: { publicKey: bytes(publicKey), message: bytes(message), signature: bytes(signature) },
      valid,
    }));
    for (const { claim, valid } of judged.filter(({ claim }) => isWorthVerifying(claim))) {
      expect(await isValidBy(subtle, claim)).toBe(valid);
    }
  });

  it("give away a platform that never answers", async () => {
    const never = bent(() => new Promise(() => {}));
    expect(await strictWebVerifier(never, { timeoutMs: 0 })).toBeUndefined();
  });

  it("are asked once a platform", async () => {
    let asked = 0;
    const counting = bent((honest) => {
      asked += 1;
      return honest;
    });
    const [honest] = EDGES;
    for (let round = 0; round < 3; round++) expect(await isValidBy(counting, honest!)).toBe(true);
    expect(asked).toBe(EDGES.length + 3);
  });
});
