import type { LogHead } from "../../client/log-head.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { parseFrozen } from "../tlog/frozen.ts";
import { addExamples, addSettings, type CommandDefinition, textFlag } from "./command.ts";
import { replaceFile } from "./files.ts";
import { openRemote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";
import { frozenLines } from "./show-frozen.ts";
import { cosignatureLines, headJson } from "./show-head.ts";

/** `checkpoint`: fetches the log's signed head, verifies it, and compares it with the remembered one. */
export const checkpoint: CommandDefinition = {
  define(command) {
    command.option("--save <FILE>", "save the signed checkpoint");
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone checkpoint --save monday.checkpoint",
      "bristlecone checkpoint --log https://log.example.com --policy policy.txt",
    ]);
  },
  async run(call) {
    const { client, trustWords } = await openRemote(call);
    const head = await client.checkpoint({ signal: call.signal });
    const file = textFlag(call.flags, "save");
    if (file !== undefined) await replaceFile(file, head.signedNote);
    const { origin, treeSize, rootHash, progress } = head;
    const frozen = parseFrozen(head.extensions);
    await call.output.result({
      text: [
        "VERIFIED",
        `origin       ${origin}`,
        `tree size    ${treeSize}`,
        `root hash    ${encodeBase64(rootHash)}`,
        `compared     ${PROGRESS_WORDS[progress]}`,
        ...(frozen === undefined ? [] : frozenLines(frozen)),
        ...cosignatureLines(head.cosignatures),
        `trusted      ${trustWords}`,
        ...(file === undefined ? [] : [`saved to     ${file}`]),
      ].join("\n"),
      json: {
        verified: true,
        ...headJson(head),
        progress,
        frozen,
        checkpoint: decodeUtf8(head.signedNote),
        file,
      },
    });
  },
};

const PROGRESS_WORDS: Readonly<Record<LogHead["progress"], string>> = Object.freeze({
  first: "with nothing: it is the first checkpoint of this log seen here",
  grew: "grown since the checkpoint seen last, and consistent with it",
  same: "the same tree as the checkpoint seen last",
  behind: "consistent with the checkpoint seen last, but older",
});
