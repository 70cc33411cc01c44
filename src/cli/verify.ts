import { policyFrom } from "../../client/policy.ts";
import { TlogError } from "../errors.ts";
import { encodeBase64, encodeHex } from "../tlog/encoding.ts";
import { MAX_RECEIPT_BYTES, verifyTlogProof } from "../tlog/proof.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { entryFlag } from "./entry-argument.ts";
import { readSmallFile } from "./files.ts";
import { cosignatureLines, headJson } from "./show-head.ts";
import { requiredTrust } from "./trust.ts";

/** `verify`: checks a receipt, offline. */
export const verify: CommandDefinition = {
  define(command) {
    command
      .argument("<receipt>", "a .tlog-proof file; - for standard input")
      .option("--entry <FILE>", "the entry: every byte of this file")
      .option(
        "--leaf-hash <HEX>",
        "the entry's leaf hash, SHA-256(0x00 || entry), when its bytes are elsewhere",
      );
    addSettings(command, ["vkey", "policy"]);
    addExamples(command, [
      "bristlecone verify hello.tlog-proof --entry hello.txt --vkey 'example.com/log+530d903a+AekyeRrm…'",
      "bristlecone verify hello.tlog-proof --entry hello.txt --policy policy.txt",
    ]);
  },
  async run(call) {
    const chosen = await requiredTrust(call);
    const policy = policyFrom(chosen.trust);
    const named = await entryFlag(call);
    if (named === undefined)
      throw new TlogError("USAGE", "want --entry FILE or --leaf-hash HEX: what the receipt is for");
    const path = call.args[0] ?? "-";
    const receipt = await readSmallFile(path, {
      maxBytes: MAX_RECEIPT_BYTES,
      tooLarge: "RECEIPT_MALFORMED",
      stdin: call.stdin,
    });
    const verified = await verifyTlogProof({ policy, receipt, leafHash: named.leafHash }).catch(notVerified);
    const { leafIndex, origin, treeSize, rootHash } = verified;
    const hash = encodeHex(verified.leafHash);
    await call.output.result({
      text: [
        "VERIFIED",
        `proven       ${named.words} is entry ${leafIndex} of the log ${origin},`,
        `             in its signed tree of size ${treeSize}, root hash ${encodeBase64(rootHash)}`,
        `leaf hash    ${hash}`,
        ...cosignatureLines(verified.cosignatures),
        `trusted      ${chosen.words}`,
      ].join("\n"),
      json: { verified: true, leafIndex, leafHash: hash, ...headJson(verified) },
    });
  },
};

/** The verdict first, then the reason. */
function notVerified(error: unknown): never {
  if (!(error instanceof TlogError)) throw error;
  const why =
    error.code === "PROOF_INVALID"
      ? `${error.message}: the entry or the receipt was changed, or they do not belong together`
      : error.message;
  throw new TlogError(error.code, `NOT VERIFIED: ${why}`, { cause: error });
}
