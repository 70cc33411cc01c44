import { describe, expect, it } from "vitest";
import { isValidMlDsa44, mlDsa44KeyPair } from "../../src/crypto/ml-dsa.ts";
import { expectCodeAsync } from "../expect-code.ts";

describe("ML-DSA-44", () => {
  it("verifies what it signed, and nothing else", async () => {
    const keyPair = await mlDsa44KeyPair(new Uint8Array(32).fill(3));
    const message = Uint8Array.of(1, 2, 3);
    const signature = await keyPair.sign(message);
    expect(signature.length).toBe(2420);
    expect(keyPair.publicKey.length).toBe(1312);
    const { publicKey } = keyPair;
    expect(await isValidMlDsa44({ publicKey, message, signature })).toBe(true);
    expect(await isValidMlDsa44({ publicKey, message: Uint8Array.of(1, 2), signature })).toBe(false);
    for (const at of [0, 31, 32, 1000, 2335, 2336, 2419]) {
      const damaged = Uint8Array.from(signature);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(await isValidMlDsa44({ publicKey, message, signature: damaged })).toBe(false);
    }
  });

  it("says false, not an error, to wrong lengths", async () => {
    const { publicKey, sign } = await mlDsa44KeyPair(new Uint8Array(32));
    const message = new Uint8Array(0);
    const signature = await sign(message);
    expect(await isValidMlDsa44({ publicKey, message, signature: signature.subarray(1) })).toBe(false);
    expect(await isValidMlDsa44({ publicKey: publicKey.subarray(1), message, signature })).toBe(false);
    expect(await isValidMlDsa44({ publicKey, message, signature: new Uint8Array(0) })).toBe(false);
  });

  it("refuses a seed that is not 32 bytes", async () => {
    await expectCodeAsync(mlDsa44KeyPair(new Uint8Array(33)), "ARGUMENT_INVALID");
  });
});
