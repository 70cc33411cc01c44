import { afterEach, expect, it, vi } from "vitest";
import { openCheckpoint, signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import {
  ED25519,
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type KeyType,
  openSigner,
} from "../../src/tlog/key.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import { expectCodeAsync } from "../expect-code.ts";

vi.mock("#crypto", async () => await import("../../src/crypto/default.ts"));

afterEach(() => {
  vi.unstubAllGlobals();
});

async function signerOf(name: string, type: KeyType, seed: number) {
  const key = await generateSigningKey({ name, type, seed: new Uint8Array(32).fill(seed) });
  return await openSigner(formatSigningKey(key), { timestampSeconds: () => 5 });
}

// A page that was loaded over plain http has no WebCrypto: it must not take "cannot check" for "is forged".
it.each<[string, KeyType]>([
  ["the log's", ED25519],
  ["a witness's, beside a log's that can be checked", ML_DSA_44],
])("says that nothing can be checked when an Ed25519 signature is %s", async (_name, logType) => {
  const log = await signerOf("example.com/log", logType, 1);
  const witness = await signerOf("witness.example", COSIGNATURE_V1, 2);
  const checkpoint = {
    origin: "example.com/log",
    treeSize: 1,
    rootHash: new Uint8Array(32).fill(1),
    extensions: [],
  };
  const signedNote = await signCheckpoint(checkpoint, [log, witness]);
  const [logVkey, witnessVkey] = [log, witness].map(({ verifierKey }) => formatVerifierKey(verifierKey));
  const policy = parsePolicy(`log ${logVkey}\nwitness w ${witnessVkey}\nquorum w\n`);
  expect((await openCheckpoint({ signedNote, policy })).cosignatures).toHaveLength(1);
  vi.stubGlobal("crypto", {});
  await expectCodeAsync(openCheckpoint({ signedNote, policy }), "CRYPTO_UNAVAILABLE");
});
