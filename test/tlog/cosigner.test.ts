import { describe, expect, it } from "vitest";
import { type MlDsa44, mlDsa44 } from "../../src/crypto/ml-dsa.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import {
  decodeTimestampedSignature,
  isValidCosignature,
  subtreeMessage,
} from "../../src/tlog/cosignature.ts";
import { openCosignerKey } from "../../src/tlog/cosigner.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type KeyType,
  openSigner,
  verifierFor,
} from "../../src/tlog/key.ts";
import { noteSignature, signNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner, utf8 } from "./signers.ts";

const NAME = "witness.example/w1";
const CHECKPOINT = "example.com/log\n14\n/CcKVZM9n65aH7jLaIZuUB4/MSlEFQ4+ldwUC21rDHM=\n";
const checkpointText = utf8(CHECKPOINT);
const HASH = new Uint8Array(32).fill(5);
const SUBTREE = { origin: "example.com/log", start: 8, end: 13, hash: HASH };

async function keyText(type: KeyType): Promise<string> {
  return formatSigningKey(await generateSigningKey({ name: NAME, type, seed: new Uint8Array(32).fill(3) }));
}

/** ML-DSA-44 that tells what it was asked. */
function seenMlDsa(): MlDsa44 & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    isValid: (claim) => {
      asked.push("isValid");
      return mlDsa44.isValid(claim);
    },
    keyPair: async (seed) => {
      asked.push("keyPair");
      const { publicKey, sign } = await mlDsa44.keyPair(seed);
      return {
        publicKey,
        sign: (message) => {
          asked.push("sign");
          return sign(message);
        },
      };
    },
  };
}

describe("openCosignerKey", () => {
  it.each([
    [1, 4],
    [4, 4],
    [6, 6],
  ] as const)("opens a key of type %i as %i, and cosigns at the time it is told", async (type, opened) => {
    const { verifierKey, cosign, signSubtree } = await openCosignerKey(await keyText(type));
    expect(verifierKey).toMatchObject({ name: NAME, type: opened });
    for (const timestampSeconds of [1, 1_700_000_000, 1_600_000_000]) {
      const payload = await cosign({ timestampSeconds, checkpointText });
      expect(decodeTimestampedSignature(opened, payload).timestampSeconds).toBe(timestampSeconds);
      expect(await verifierFor(verifierKey).verify({ text: checkpointText, payload })).toBe(true);
    }
    expect(signSubtree === undefined).toBe(opened === 4);
  });

  it("has the key ID of its own type, not of the text's", async () => {
    const { verifierKey } = await openCosignerKey(await keyText(1));
    expect(verifierKey).toEqual((await openCosignerKey(await keyText(4))).verifierKey);
  });

  it("makes Ed25519 cosignatures again, byte for byte, but no ML-DSA-44 ones", async () => {
    for (const [type, isSame] of [
      [4, true],
      [6, false],
    ] as const) {
      const { cosign } = await openCosignerKey(await keyText(type));
      const asked = { timestampSeconds: 5, checkpointText };
      const [first, second] = [await cosign(asked), await cosign(asked)];
      expect(Buffer.compare(first, second) === 0).toBe(isSame);
    }
  });

  it("never makes a cosignature without a time", async () => {
    for (const type of [4, 6] as const) {
      const { cosign } = await openCosignerKey(await keyText(type));
      for (const timestampSeconds of [0, -1, Number.NaN, 1.5, 2 ** 53])
        await expectCodeAsync(cosign({ timestampSeconds, checkpointText }), "ARGUMENT_INVALID");
    }
  });

  it("cosigns extension lines with 0x04 and refuses them with 0x06, which does not cover them", async () => {
    const extended = { timestampSeconds: 5, checkpointText: utf8(`${CHECKPOINT}more\n`) };
    const ed25519 = await openCosignerKey(await keyText(4));
    const payload = await ed25519.cosign(extended);
    const claim = { text: extended.checkpointText, payload };
    expect(await verifierFor(ed25519.verifierKey).verify(claim)).toBe(true);
    const mlDsa = await openCosignerKey(await keyText(6));
    await expectCodeAsync(mlDsa.cosign(extended), "ARGUMENT_INVALID");
    const notOne = { timestampSeconds: 5, checkpointText: utf8("no checkpoint\n") };
    for (const { cosign } of [ed25519, mlDsa]) await expectCodeAsync(cosign(notOne), "CHECKPOINT_MALFORMED");
  });

  it("signs a subtree with time 0 over the message of the document", async () => {
    const { verifierKey, signSubtree } = await openCosignerKey(await keyText(6));
    const payload = await signSubtree!(SUBTREE);
    const { timestampSeconds, signature } = decodeTimestampedSignature(6, payload);
    expect(timestampSeconds).toBe(0);
    const message = subtreeMessage({ ...SUBTREE, cosignerName: NAME, timestampSeconds: 0 });
    expect(await mlDsa44.isValid({ publicKey: verifierKey.publicKey, message, signature })).toBe(true);
  });

  it("signs no range that is no subtree", async () => {
    const { signSubtree } = await openCosignerKey(await keyText(6));
    for (const { start, end } of [
      { start: 4, end: 13 },
      { start: 8, end: 8 },
      { start: 13, end: 8 },
      { start: 0, end: 2 ** 53 },
    ])
      await expectCodeAsync(signSubtree!({ ...SUBTREE, start, end }), "ARGUMENT_INVALID");
    await expectCodeAsync(signSubtree!({ ...SUBTREE, hash: HASH.subarray(1) }), "ARGUMENT_INVALID");
  });

  it("refuses a text that is no key, or whose key ID is another's", async () => {
    await expectCodeAsync(openCosignerKey("x"), "SIGNING_KEY_MALFORMED");
    const renamed = (await keyText(6)).replace("w1", "w2");
    await expectCodeAsync(openCosignerKey(renamed), "SIGNING_KEY_MALFORMED");
  });
});

describe("ML-DSA-44 from whoever calls", () => {
  it("makes keys and signatures for cosigners and signers", async () => {
    const seen = seenMlDsa();
    const { cosign, signSubtree } = await openCosignerKey(await keyText(6), { mlDsa44: seen });
    await cosign({ timestampSeconds: 5, checkpointText });
    await signSubtree!(SUBTREE);
    expect(seen.asked).toEqual(["keyPair", "sign", "sign"]);
    await (await openSigner(await keyText(6), { mlDsa44: seen })).sign(checkpointText);
    expect(seen.asked.slice(3)).toEqual(["keyPair", "sign"]);
  });

  it("checks signatures for verifiers, cosignatures and checkpoints", async () => {
    const seen = seenMlDsa();
    const { verifierKey, cosign } = await openCosignerKey(await keyText(6));
    const payload = await cosign({ timestampSeconds: 5, checkpointText });
    const claim = { text: checkpointText, payload };
    expect(await verifierFor(verifierKey, { mlDsa44: seen }).verify(claim)).toBe(true);
    expect(noteSignature(verifierKey, payload).keyId).toBe(verifierKey.keyId);
    const cosigner = { name: NAME, type: 6, publicKey: verifierKey.publicKey } as const;
    expect(await isValidCosignature(cosigner, { payload, checkpointText }, seen)).toBe(true);
    const log = await testSigner("example.com/log", 6, 1, 0);
    const signedNote = await signNote(checkpointText, [log]);
    await openCheckpoint({ signedNote, logKeys: [log.verifierKey], mlDsa44: seen });
    expect(seen.asked).toEqual(["isValid", "isValid", "isValid"]);
  });

  it("is not asked about Ed25519", async () => {
    const seen = seenMlDsa();
    const { verifierKey, cosign } = await openCosignerKey(await keyText(4), { mlDsa44: seen });
    const payload = await cosign({ timestampSeconds: 5, checkpointText });
    const { verify } = verifierFor(verifierKey, { mlDsa44: seen });
    expect(await verify({ text: checkpointText, payload })).toBe(true);
    expect(seen.asked).toEqual([]);
  });
});
