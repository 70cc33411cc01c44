import { describe, expect, it } from "vitest";
import {
  cosignatureV1Message,
  decodeTimestampedSignature,
  encodeTimestampedSignature,
  isValidCosignature,
  type SubtreeStatement,
  subtreeMessage,
} from "../../src/tlog/cosignature.ts";
import { concatBytes, encodeHex, encodeUint64 } from "../../src/tlog/encoding.ts";
import { generateSigningKey, keyIdOf, type NoteSigner, verifierFor } from "../../src/tlog/key.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { TIME, testSigner, text, utf8 } from "./signers.ts";

const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const BODY = `example.com/behind-the-sofa\n20852163\n${ROOT}\n`;
const CHECKPOINT = utf8(BODY);
const EXTENDED = utf8(`${BODY}extension\n`);

const ed25519 = await testSigner("witness.example/w1", 4);
const mlDsa = await testSigner("witness.example/w2", 6);
const BOTH = [
  { type: 4, signer: ed25519, bytes: 72 },
  { type: 6, signer: mlDsa, bytes: 2428 },
] as const;

const statement: SubtreeStatement = {
  cosignerName: "witness.example/w2",
  timestampSeconds: 0,
  origin: "example.com/log",
  start: 4,
  end: 8,
  hash: new Uint8Array(32).fill(0xab),
};

const verify = (signer: NoteSigner, claim: { readonly text: Uint8Array; readonly payload: Uint8Array }) =>
  verifierFor(signer.verifierKey).verify(claim);

describe("the payload", () => {
  it.each(BOTH)(
    "COS-1 of type $type is a u64 of POSIX seconds and a signature: $bytes bytes",
    async (row) => {
      const payload = await row.signer.sign(CHECKPOINT);
      expect(payload.length).toBe(row.bytes);
      expect(payload.subarray(0, 8)).toEqual(encodeUint64(TIME));
      const { timestampSeconds, signature } = decodeTimestampedSignature(row.type, payload);
      expect(timestampSeconds).toBe(TIME);
      expect(encodeTimestampedSignature({ timestampSeconds, signature })).toEqual(payload);
    },
  );

  it.each(BOTH)("COS-1 of type $type has no byte more or less", async ({ type, signer, bytes }) => {
    const payload = await signer.sign(CHECKPOINT);
    for (const resized of [
      payload.subarray(1),
      payload.subarray(0, -1),
      concatBytes(payload, Uint8Array.of(0)),
    ]) {
      expectCode(() => decodeTimestampedSignature(type, resized), "COSIGNATURE_MALFORMED");
      expect(await verify(signer, { text: CHECKPOINT, payload: resized })).toBe(false);
    }
    expectCode(() => decodeTimestampedSignature(type, new Uint8Array(bytes - 8)), "COSIGNATURE_MALFORMED");
  });

  it.each(BOTH)("COS-1 of type $type binds the time", async ({ signer }) => {
    const payload = await signer.sign(CHECKPOINT);
    expect(await verify(signer, { text: CHECKPOINT, payload })).toBe(true);
    const later = concatBytes(encodeUint64(TIME + 1), payload.subarray(8));
    expect(await verify(signer, { text: CHECKPOINT, payload: later })).toBe(false);
  });

  it("COS-3 a time above 2^53 - 1 seconds is refused by name, and never verifies", async () => {
    const payload = Uint8Array.from(await ed25519.sign(CHECKPOINT));
    for (const first of [0x00200000, 0x7fffffff, 0x80000000, 0xffffffff]) {
      payload.set(encodeUint64(first).subarray(4), 0);
      expectCode(() => decodeTimestampedSignature(4, payload), "NUMBER_TOO_LARGE");
      expect(await verify(ed25519, { text: CHECKPOINT, payload })).toBe(false);
    }
  });

  it("COS-3 a clock that gives no whole number of seconds signs nothing", async () => {
    for (const time of [-1, 0.5, 2 ** 53, Number.NaN]) {
      const signer = await testSigner("w", 4, 1, time);
      await expectCodeAsync(signer.sign(CHECKPOINT), "ARGUMENT_INVALID");
    }
  });
});

describe("key IDs", () => {
  it("COS-2 are made with the types 0x04 and 0x06", async () => {
    for (const { type, signer } of BOTH) {
      expect(signer.verifierKey.type).toBe(type);
      expect(keyIdOf(signer.verifierKey)).toBe(signer.verifierKey.keyId);
      expect(keyIdOf({ ...signer.verifierKey, type: 1 })).not.toBe(signer.verifierKey.keyId);
    }
  });

  it("COS-9 a cosigner may be named by an OID", async () => {
    const key = await generateSigningKey({
      name: "oid/1.3.6.1.4.1.44363.47.1",
      type: 6,
      seed: new Uint8Array(32),
    });
    expect(key.name).toBe("oid/1.3.6.1.4.1.44363.47.1");
  });
});

describe("the Ed25519 message", () => {
  it("COS-4 is the header, the time, and the whole text with its final newline", () => {
    expect(text(cosignatureV1Message(1679315147, CHECKPOINT))).toBe(
      `cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n${ROOT}\n`,
    );
    expect(text(cosignatureV1Message(0, CHECKPOINT))).toBe(`cosignature/v1\ntime 0\n${BODY}`);
  });

  it("COS-4 covers extension lines", async () => {
    const payload = await ed25519.sign(EXTENDED);
    expect(await verify(ed25519, { text: EXTENDED, payload })).toBe(true);
    expect(await verify(ed25519, { text: CHECKPOINT, payload })).toBe(false);
    expect(await verify(ed25519, { text: CHECKPOINT.subarray(0, -1), payload })).toBe(false);
  });

  it("COS-7 does not commit to the name, so the name is only as good as the key", async () => {
    const { type, publicKey } = ed25519.verifierKey;
    if (type !== 4) throw new Error("not a cosigner");
    const payload = await ed25519.sign(CHECKPOINT);
    const renamed = isValidCosignature(
      { type, name: "other", publicKey },
      { payload, checkpointText: CHECKPOINT },
    );
    expect(await renamed).toBe(true);
  });

  it("COS-7 a log signature is no cosignature by the same key, nor the reverse", async () => {
    const log = await testSigner("witness.example/w1", 1);
    expect(log.verifierKey.publicKey).toEqual(ed25519.verifierKey.publicKey);
    const asCosignature = concatBytes(encodeUint64(TIME), await log.sign(CHECKPOINT));
    expect(await verify(ed25519, { text: CHECKPOINT, payload: asCosignature })).toBe(false);
    const asSignature = (await ed25519.sign(CHECKPOINT)).subarray(8);
    expect(await verify(log, { text: CHECKPOINT, payload: asSignature })).toBe(false);
  });
});

describe("the ML-DSA-44 message", () => {
  it("COS-5 is the cosigned_message structure", () => {
    const wanted = [
      "737562747265652f76310a00", // "subtree/v1\n\0"
      "03772f31", // "w/1"
      "000000006553f100",
      "056f2e6c6f67", // "o.log"
      "0000000000000000",
      "0000000000000007",
      "ab".repeat(32),
    ].join("");
    const args = {
      ...statement,
      cosignerName: "w/1",
      timestampSeconds: TIME,
      origin: "o.log",
      start: 0,
      end: 7,
    };
    expect(encodeHex(subtreeMessage(args))).toBe(wanted);
  });

  it("COS-5 counts the bytes of names, not their characters, and takes 1 to 255 of them", () => {
    const label = "subtree/v1\n\0".length;
    expect(subtreeMessage({ ...statement, cosignerName: "é" }).subarray(label, label + 3)).toEqual(
      Uint8Array.of(2, 0xc3, 0xa9),
    );
    for (const name of ["", "a".repeat(256), "é".repeat(128)]) {
      expectCode(() => subtreeMessage({ ...statement, cosignerName: name }), "ARGUMENT_INVALID");
      expectCode(() => subtreeMessage({ ...statement, origin: name }), "ARGUMENT_INVALID");
    }
    expect(subtreeMessage({ ...statement, cosignerName: "a".repeat(255) }).length).toBe(
      12 + 256 + 8 + 16 + 16 + 32,
    );
  });

  it("COS-5 commits to the cosigner's name, the origin, the size and the root", async () => {
    const payload = await mlDsa.sign(CHECKPOINT);
    expect(await verify(mlDsa, { text: CHECKPOINT, payload })).toBe(true);
    const renamed = verifierFor({ ...mlDsa.verifierKey, name: "witness.example/other" });
    expect(await renamed.verify({ text: CHECKPOINT, payload })).toBe(false);
    for (const [from, to] of [
      ["behind", "before"],
      ["20852163", "20852164"],
      ["CsUY", "CsUZ"],
    ] as const) {
      expect(await verify(mlDsa, { text: utf8(BODY.replace(from, to)), payload })).toBe(false);
    }
  });

  it("COS-6 a subtree that does not start at 0 has no time", () => {
    expect(subtreeMessage(statement).length).toBeGreaterThan(0);
    expectCode(() => subtreeMessage({ ...statement, timestampSeconds: 1 }), "ARGUMENT_INVALID");
    expectCode(() => subtreeMessage({ ...statement, start: 9 }), "ARGUMENT_INVALID");
    expectCode(() => subtreeMessage({ ...statement, hash: new Uint8Array(31) }), "ARGUMENT_INVALID");
  });

  it("COS-6 a log signs with time 0: no statement about time", async () => {
    const log = await testSigner("example.com/behind-the-sofa", 6, 1, 0);
    const payload = await log.sign(CHECKPOINT);
    expect(decodeTimestampedSignature(6, payload).timestampSeconds).toBe(0);
    expect(await verify(log, { text: CHECKPOINT, payload })).toBe(true);
  });

  it("CP-7 is not made for a checkpoint with extension lines, and says nothing about them", async () => {
    await expectCodeAsync(mlDsa.sign(EXTENDED), "ARGUMENT_INVALID");
    const payload = await mlDsa.sign(CHECKPOINT);
    expect(await verify(mlDsa, { text: EXTENDED, payload })).toBe(true);
  });
});

describe("cosigners", () => {
  it.each(BOTH)("COS-8 of type $type sign checkpoints and no other text", async ({ signer }) => {
    await expectCodeAsync(signer.sign(utf8("hello\n")), "CHECKPOINT_MALFORMED");
    await expectCodeAsync(signer.sign(utf8(`log\n9007199254740992\n${ROOT}\n`)), "NUMBER_TOO_LARGE");
    await expectCodeAsync(signer.sign(Uint8Array.of(0xff)), "UTF8_MALFORMED");
  });
});
