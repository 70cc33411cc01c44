import { encodeBase64 } from "../tlog/encoding.ts";
import { formatVerifierKey, parseVerifierKey } from "../tlog/key.ts";
import { isSameVerifierKey } from "../tlog/key-change.ts";
import {
  currentKeys,
  keyHistoryId,
  keySets,
  MAX_KEY_HISTORY_BYTES,
  openKeyHistory,
  parseKeyHistory,
} from "../tlog/key-history.ts";
import { addExamples, type CommandDefinition, textFlag } from "./command.ts";
import { readSmallFile } from "./files.ts";
import { keyChangeLines } from "./show-keys.ts";

/** `keys`: verifies a log's key history offline and shows what it says. */
export const keys: CommandDefinition = {
  define(command) {
    command.argument(
      "<file>",
      "what GET /key-history of a log gave, or the file of a static copy; - for standard input",
    );
    command.option("--log-key <VKEY>", "a key of the log that you believe: the history has to be about it");
    addExamples(command, [
      "curl -s https://log.example.com/key-history | bristlecone keys - --log-key 'log.example.com+530d903a+AekyeRrm…'",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run({ args, flags, stdin, output }) {
    const bytes = await readSmallFile(args[0] ?? "-", {
      maxBytes: MAX_KEY_HISTORY_BYTES,
      tooLarge: "KEY_HISTORY_MALFORMED",
      stdin,
    });
    const chosen = textFlag(flags, "logKey");
    const trusted = chosen === undefined ? undefined : parseVerifierKey(chosen);
    const history = await openKeyHistory({
      history: bytes,
      origin: trusted?.name ?? parseKeyHistory(bytes).origin,
      ...(trusted !== undefined && { trusted: [trusted] }),
    });
    const { origin, changes } = history;
    const isCurrent =
      trusted !== undefined && currentKeys(history).some((key) => isSameVerifierKey(key, trusted));
    await output.result({
      text: [
        `origin       ${origin}`,
        `history      ${keyHistoryId(bytes)}`,
        ...changes.flatMap((change) => [
          ...keyChangeLines(change),
          `  at         size ${change.treeSize}, root hash ${encodeBase64(change.rootHash)}`,
        ]),
        ...currentKeys(history).map((key) => `key now      ${formatVerifierKey(key)}`),
        "",
        trusted === undefined
          ? `Every signature verifies, by ${keySets(history).length} sets of keys that nobody chose: give --log-key.`
          : `Every signature verifies. The key you believe ${isCurrent ? "is one of the log's now" : "was replaced: believe the log's key now"}.`,
      ].join("\n"),
      json: {
        origin,
        id: keyHistoryId(bytes),
        keys: currentKeys(history).map(formatVerifierKey),
        changes: changes.map(({ number, atSeconds, treeSize, rootHash, oldKeys, newKeys }) => ({
          number,
          atSeconds,
          treeSize,
          rootHash: encodeBase64(rootHash),
          oldKeys: oldKeys.map(formatVerifierKey),
          newKeys: newKeys.map(formatVerifierKey),
        })),
      },
    });
    if (trusted === undefined)
      output.notice("verified against no key you chose: whoever made the file could name any");
  },
};

const AFTER = `
Of two histories of one log that differ in what they say, one is not the log's: both are kept as they are (spec/key-history.md).`;
