import { decodeUtf8 } from "../../../src/tlog/encoding.ts";
import * as original from "../../../src/tlog/key.ts";
import { around } from "./failpoints.ts";

export * from "../../../src/tlog/key.ts";

/** For the log's own keys: those of witnesses are opened elsewhere. */
export async function openSigner(signingKey: string): Promise<original.NoteSigner> {
  const signer = await original.openSigner(signingKey);
  const sizeIn = (text: Uint8Array) => Number(decodeUtf8(text).split("\n")[1]);
  return {
    ...signer,
    sign: (text) =>
      around(
        "sign",
        () => ({ treeSize: sizeIn(text) }),
        () => signer.sign(text),
      ),
  };
}
