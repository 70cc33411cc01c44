import { TlogError } from "../errors.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";

/** `verify`: checks a receipt, offline. */
export const verify: CommandDefinition = {
  define(command) {
    command
      .description("check offline that an entry is in a log, by its receipt and a key or policy you trust")
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
    const [
      { entryFlag },
      { requiredTrust },
      { readSmallFile },
      { policyFrom },
      { verifyTlogProof, MAX_RECEIPT_BYTES },
    ] = await Promise.all([
      import("./entry-argument.ts"),
      import("./trust.ts"),
      import("./files.ts"),
      import("../../client/policy.ts"),
      import("../tlog/proof.ts"),
    ]);
    const chosen = await requiredTrust(call);
    const policy = policyFrom(chosen.trust);
    const named = await entryFlag(call);
    if (named === undefined)
      throw new TlogError("USAGE", "want --entry FILE or --leaf-hash HEX: what the receipt is for");
    const path = call.args[0] ?? "-";
    const receipt = await readSmallFile(path, { maxBytes: MAX_RECEIPT_BYTES, stdin: call.stdin });
    const verified = await verifyTlogProof({ policy, receipt, leafHash: named.leafHash });
    const [{ encodeHex, encodeBase64 }, { cosignatureLines, headJson }] = await Promise.all([
      import("../tlog/encoding.ts"),
      import("./show-head.ts"),
    ]);
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
