import { TlogError } from "../errors.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { type ForkVerdict, MAX_EVIDENCE_BYTES, verifyForkEvidence } from "../tlog/fork-evidence.ts";
import { addExamples, type CommandDefinition, textFlag } from "./command.ts";
import { addEvidenceKeys, keysFlag } from "./evidence-keys.ts";
import { readSmallFile } from "./files.ts";

/** `evidence verify`: checks fork evidence offline and says what it means. */
export const evidenceVerify: CommandDefinition = {
  define(command) {
    command.argument("<file>", "a .tlog-evidence file; - for standard input");
    addEvidenceKeys(command);
    addExamples(command, [
      "bristlecone evidence verify fork.tlog-evidence --log-key 'example.com/log+530d903a+AekyeRrm…'",
      "bristlecone evidence verify fork.tlog-evidence --witness-key 'witness.example+7a1b2c3d+BEx4…'",
    ]);
  },
  async run({ args, flags, stdin, output }) {
    const logKeys = keysFlag(flags, "logKey");
    const witnessKeys = keysFlag(flags, "witnessKey");
    if (logKeys.length + witnessKeys.length === 0) {
      throw new TlogError("USAGE", "want --log-key VKEY or --witness-key VKEY: whom the evidence accuses");
    }
    const evidence = await readSmallFile(args[0] ?? "-", {
      maxBytes: MAX_EVIDENCE_BYTES,
      tooLarge: "EVIDENCE_MALFORMED",
      stdin,
    });
    const origin = textFlag(flags, "origin");
    const verdict = await verifyForkEvidence({
      evidence,
      logKeys,
      witnessKeys,
      ...(origin !== undefined && { origin }),
    }).catch(notConvicted);
    await output.result({ text: verdictText(verdict), json: verdictJson(verdict) });
  },
};

function verdictText({ id, kind, accused, signedBy, explanation }: ForkVerdict): string {
  return [
    "CONVICTED",
    `accused      the ${accused.role} ${accused.name}`,
    `kind         ${kind}`,
    ...signedBy.map((vkey) => `signed by    ${vkey}`),
    `evidence     ${id}`,
    "",
    explanation,
  ].join("\n");
}

function verdictJson({ heads, ...verdict }: ForkVerdict): object {
  const shown = heads.map(({ treeSize, rootHash }) => ({ treeSize, rootHash: encodeBase64(rootHash) }));
  return { convicted: true, ...verdict, heads: shown };
}

/** The verdict first, then the reason. */
function notConvicted(error: unknown): never {
  if (!(error instanceof TlogError)) throw error;
  throw new TlogError(error.code, `NOT CONVICTED: ${error.message}`, { cause: error });
}
