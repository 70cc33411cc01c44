import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectCodeAsync } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { BODIES } from "./bodies.ts";

interface Vector {
  readonly name: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

const url = new URL("../../spec/vectors/ed25519.json", import.meta.url);
const vectors: readonly Vector[] = JSON.parse(readFileSync(url, "utf8")).cases;

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const claimOf = ({ publicKey, message, signature }: Vector) => ({
  publicKey: bytes(publicKey),
  message: bytes(message),
  signature: bytes(signature),
});

// RFC 8032 §7.1, tests 1 to 3.
const RFC_8032 = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];

describe.each(BODIES)("Ed25519, $name body", ({ body }) => {
  it.each(vectors)("$name: valid is $valid", async (vector) => {
    expect(await body.isValidEd25519(claimOf(vector))).toBe(vector.valid);
  });

  it.each(RFC_8032)(
    "signs and verifies RFC 8032's message of '$message'",
    async ({ seed, message, ...wanted }) => {
      const keyPair = await body.ed25519KeyPair(bytes(seed));
      expect(Buffer.from(keyPair.publicKey).toString("hex")).toBe(wanted.publicKey);
      const signature = await keyPair.sign(bytes(message));
      expect(Buffer.from(signature).toString("hex")).toBe(wanted.signature);
      expect(await body.isValidEd25519({ ...keyPair, message: bytes(message), signature })).toBe(true);
    },
  );

  it("refuses a seed that is not 32 bytes", async () => {
    await expectCodeAsync(body.ed25519KeyPair(new Uint8Array(31)), "ARGUMENT_INVALID");
    await expectCodeAsync(body.ed25519KeyPair(new Uint8Array(64)), "ARGUMENT_INVALID");
  });

  it("keeps its own copy of the seed", async () => {
    const seed = new Uint8Array(32).fill(1);
    const keyPair = await body.ed25519KeyPair(seed);
    const before = await keyPair.sign(Uint8Array.of(1));
    seed.fill(2);
    expect(await keyPair.sign(Uint8Array.of(1))).toEqual(before);
  });

  it("sees a key that changed in place", async () => {
    const keyPair = await body.ed25519KeyPair(new Uint8Array(32).fill(1));
    const message = Uint8Array.of(1, 2, 3);
    const claim = {
      publicKey: Uint8Array.from(keyPair.publicKey),
      message,
      signature: await keyPair.sign(message),
    };
    expect(await body.isValidEd25519(claim)).toBe(true);
    claim.publicKey.fill(9);
    expect(await body.isValidEd25519(claim)).toBe(false);
  });
});

describe("Ed25519, both bodies", () => {
  const [node, portable] = [BODIES[0].body, BODIES[1].body];

  it("have vectors for both verdicts", () => {
    expect(vectors.filter(({ valid }) => valid).length).toBeGreaterThanOrEqual(5);
    expect(vectors.length).toBeGreaterThanOrEqual(40);
  });

  it("give one verdict on damaged vectors", async () => {
    const mutation = fc.record({
      vector: fc.constantFrom(...vectors.filter(({ valid }) => valid)),
      field: fc.constantFrom("publicKey" as const, "message" as const, "signature" as const),
      at: fc.nat(),
      value: fc.nat({ max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ vector, field, at, value }) => {
        const claim = claimOf(vector);
        claim[field][at % Math.max(claim[field].length, 1)] = value;
        expect(await portable.isValidEd25519(claim)).toBe(await node.isValidEd25519(claim));
      }),
      { numRuns: runs(100) },
    );
  });

  it("give one verdict on an arbitrary R and S under an arbitrary key", async () => {
    const claim = fc.record({
      publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      message: fc.uint8Array({ maxLength: 20 }),
      signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    });
    await fc.assert(
      fc.asyncProperty(claim, async (args) => {
        expect(await portable.isValidEd25519(args)).toBe(await node.isValidEd25519(args));
      }),
      { numRuns: runs(50) },
    );
  });

  it("make the same signatures", async () => {
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(seed, fc.uint8Array({ maxLength: 100 }), async (secret, message) => {
        const [one, other] = [await node.ed25519KeyPair(secret), await portable.ed25519KeyPair(secret)];
        expect(one.publicKey).toEqual(other.publicKey);
        expect(await one.sign(message)).toEqual(await other.sign(message));
      }),
      { numRuns: runs(20) },
    );
  });
});
