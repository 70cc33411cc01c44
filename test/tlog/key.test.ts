import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { decodeBase64, encodeBase64 } from "../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  isKeyName,
  keyIdOf,
  openSigner,
  parseSigningKey,
  parseVerifierKey,
  verifierFor,
} from "../../src/tlog/key.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { testSigner, utf8, vkeyOf } from "./signers.ts";

// c2sp.org/signed-note, verifier keys, example
const EXAMPLE = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
// A test key that golang.org/x/mod publishes; not a secret.
const GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

describe("key names", () => {
  it("NOTE-4 a key name is not empty, and holds no Unicode space and no plus", () => {
    for (const name of ["a", "example.com/log", "é", "oid/1.3.6.1.4.1.1", "名前", "\u200b", "a\u007f"]) {
      expect(isKeyName(name)).toBe(true);
    }
    const spaces = " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000";
    for (const bad of ["", ..."+\u0000\u001f", ...spaces, "\ud800"]) {
      expect(isKeyName(bad)).toBe(false);
      if (bad !== "") expect(isKeyName(`a${bad}b`)).toBe(false);
    }
  });
});

describe("verifier keys", () => {
  it("parses the document's example", () => {
    const key = parseVerifierKey(EXAMPLE);
    expect(key).toMatchObject({ name: "example.com/foo", keyId: 0x530d903a, type: 1 });
    expect(key.publicKey.length).toBe(32);
    expect(formatVerifierKey(key)).toBe(EXAMPLE);
  });

  it("NOTE-10 the key ID is SHA-256(name || 0x0A || type || public key)[:4], and another is refused", () => {
    expect(keyIdOf(parseVerifierKey(EXAMPLE))).toBe(0x530d903a);
    expectCode(() => parseVerifierKey(EXAMPLE.replace("530d903a", "530d903b")), "VKEY_MALFORMED");
    expectCode(() => parseVerifierKey(EXAMPLE.replace("foo", "bar")), "VKEY_MALFORMED");
  });

  it.each([0x00, 0x02, 0x03, 0x05, 0x07, 0xfa, 0xff])("NOTE-11 type %i is refused by name", (type) => {
    const key = { name: "example.com/foo", type, publicKey: new Uint8Array(32) };
    const keyText = `example.com/foo+00000000+${encodeBase64(Uint8Array.of(key.type, ...key.publicKey))}`;
    expectCode(() => parseVerifierKey(keyText), "KEY_TYPE_UNSUPPORTED");
  });

  it("NOTE-12 splits at the first two plus signs only", () => {
    // Its base64 part has plus signs of its own.
    const vkey = "example.org/key+57bfe580+BAFFLINGNESS+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
  });

  it("NOTE-12 an Ed25519 key is 32 bytes, an ML-DSA-44 key 1312", async () => {
    for (const type of [1, 4, 6] as const) {
      const { verifierKey } = await testSigner("example.com/log", type);
      expect(verifierKey.publicKey.length).toBe(type === 6 ? 1312 : 32);
      expect(formatVerifierKey(parseVerifierKey(formatVerifierKey(verifierKey)))).toBe(
        formatVerifierKey(verifierKey),
      );
      for (const publicKey of [verifierKey.publicKey.slice(1), Uint8Array.of(...verifierKey.publicKey, 0)]) {
        const resized = { ...verifierKey, publicKey, keyId: keyIdOf({ ...verifierKey, publicKey }) };
        expectCode(() => parseVerifierKey(formatVerifierKey(resized)), "VKEY_MALFORMED");
      }
    }
  });

  it.each([
    "",
    "+",
    "++",
    "example.com/foo",
    "example.com/foo+530d903a",
    "example.com/foo+530d903a+",
    "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    EXAMPLE.replace("530d903a", "530D903A"),
    EXAMPLE.replace("530d903a", "0530d903a"),
    EXAMPLE.replace("com/", "com "),
    `${EXAMPLE}\n`,
    ` ${EXAMPLE}`,
    `${EXAMPLE}====`,
    EXAMPLE.slice(0, -1),
    `${"a".repeat(10_000)}${EXAMPLE}`,
  ])("NOTE-12 refuses %j", (vkey) => {
    expectCode(() => parseVerifierKey(vkey), "VKEY_MALFORMED");
  });

  it("NOTE-13 one public key has different IDs under different types", async () => {
    const [log, cosigner] = [await testSigner("example.com/a", 1), await testSigner("example.com/a", 4)];
    expect(log.verifierKey.publicKey).toEqual(cosigner.verifierKey.publicKey);
    expect(log.verifierKey.keyId).not.toBe(cosigner.verifierKey.keyId);
  });

  it("NOTE-15 refuses padding bits that are not zero in a key", async () => {
    const { verifierKey } = await testSigner("example.com/log", 6); // 1,313 bytes leave padding
    const vkey = formatVerifierKey(verifierKey);
    expect(vkey.endsWith("=")).toBe(true);
    const last = vkey.replace(/=+$/, "").at(-1) ?? "";
    const other = String.fromCharCode(last.charCodeAt(0) + 1);
    const respelled = vkey.replace(new RegExp(`${last}(=+)$`), `${other}$1`);
    expectCode(() => parseVerifierKey(respelled), "VKEY_MALFORMED");
  });

  it("reads back every key it writes, and throws nothing but TlogError on damaged ones", () => {
    const damage = fc.record({ at: fc.nat({ max: EXAMPLE.length }), text: fc.string({ maxLength: 3 }) });
    fc.assert(
      fc.property(damage, ({ at, text }) => {
        const damaged = EXAMPLE.slice(0, at) + text + EXAMPLE.slice(at + 1);
        try {
          expect(formatVerifierKey(parseVerifierKey(damaged))).toBe(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(TlogError);
        }
      }),
    );
  });
});

describe("signing keys", () => {
  it("NOTE-14 reads a private key that Go made, and writes it back", async () => {
    expect(formatSigningKey(parseSigningKey(GO_SKEY))).toBe(GO_SKEY);
    const signer = await openSigner(GO_SKEY);
    expect(vkeyOf(signer)).toBe(GO_VKEY);
  });

  it.each([1, 4, 6] as const)("NOTE-14 a key of type %i keeps its 32-byte seed in the text", async (type) => {
    const seed = Uint8Array.from({ length: 32 }, (_, index) => index);
    const key = await generateSigningKey({ name: "example.com/a", type, seed });
    const text = formatSigningKey(key);
    expect(decodeBase64(text.split("+").slice(4).join("+"))).toEqual(Uint8Array.of(type, ...seed));
    expect(formatSigningKey(parseSigningKey(text))).toBe(text);
    const signer = await openSigner(text, { timestampSeconds: () => 1 });
    expect(signer.verifierKey).toMatchObject({ name: "example.com/a", type, keyId: key.keyId });
  });

  it("refuses a key ID that is not the key's", async () => {
    await expectCodeAsync(openSigner(GO_SKEY.replace("c74f20a3", "c74f20a4")), "SIGNING_KEY_MALFORMED");
    await expectCodeAsync(openSigner(GO_SKEY.replace("PeterNeumann", "Somebody")), "SIGNING_KEY_MALFORMED");
  });

  it.each([
    "",
    GO_VKEY,
    GO_SKEY.slice(1),
    GO_SKEY.slice(0, -4),
    `${GO_SKEY}\n`,
    `${GO_SKEY}AAAA`,
    GO_SKEY.replace("PeterNeumann", "Peter Neumann"),
    GO_SKEY.replace("AYEK", "A!EK"),
  ])("refuses text %# and tells nothing of it", (text) => {
    const error = expectCode(() => parseSigningKey(text), "SIGNING_KEY_MALFORMED");
    expect(JSON.stringify([error.message, error.cause])).not.toContain("FALVFGyNhPJEMzD1QIDr");
  });

  it("refuses types it cannot sign with", () => {
    const text = `PRIVATE+KEY+a+00000000+${encodeBase64(Uint8Array.of(2, ...new Uint8Array(32)))}`;
    expectCode(() => parseSigningKey(text), "KEY_TYPE_UNSUPPORTED");
  });

  it("opens an Ed25519 key as a cosigner's under another key ID, and only with a clock", async () => {
    const signer = await openSigner(GO_SKEY, { type: 4, timestampSeconds: () => 5 });
    expect(signer.verifierKey.type).toBe(4);
    expect(vkeyOf(signer)).not.toBe(GO_VKEY);
    await expectCodeAsync(openSigner(GO_SKEY, { type: 4 }), "ARGUMENT_INVALID");
    const postQuantum = formatSigningKey(
      await generateSigningKey({ name: "a", type: 6, seed: new Uint8Array(32) }),
    );
    await expectCodeAsync(
      openSigner(postQuantum, { type: 4, timestampSeconds: () => 5 }),
      "ARGUMENT_INVALID",
    );
  });

  it("draws a new key each time, and refuses a bad name or seed", async () => {
    const [one, other] = [await generateSigningKey({ name: "a" }), await generateSigningKey({ name: "a" })];
    expect(one.seed).not.toEqual(other.seed);
    expect(one.type).toBe(1);
    await expectCodeAsync(generateSigningKey({ name: "a b" }), "ARGUMENT_INVALID");
    await expectCodeAsync(generateSigningKey({ name: "a", seed: new Uint8Array(31) }), "ARGUMENT_INVALID");
  });
});

describe("signers and verifiers", () => {
  const checkpoint = utf8("example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");

  it.each([1, 4, 6] as const)(
    "type %i verifies what it signed, and no other text or payload",
    async (type) => {
      const signer = await testSigner("example.com/log", type);
      const verifier = verifierFor(parseVerifierKey(vkeyOf(signer)));
      const payload = await signer.sign(checkpoint);
      expect(await verifier.verify({ text: checkpoint, payload })).toBe(true);
      const other = utf8("example.com/log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
      expect(await verifier.verify({ text: other, payload })).toBe(false);
      expect(await verifier.verify({ text: checkpoint, payload: payload.subarray(1) })).toBe(false);
      expect(await verifier.verify({ text: checkpoint, payload: Uint8Array.of(...payload, 0) })).toBe(false);
      expect(await verifier.verify({ text: checkpoint, payload: new Uint8Array(0) })).toBe(false);
      expect(await verifier.verify({ text: new Uint8Array(0), payload })).toBe(false);
    },
  );
});
