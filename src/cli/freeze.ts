import { InvariantError, TlogError } from "../errors.ts";
import type { Log, LogEnd } from "../log/log.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { parseSuccessor, type Successor } from "../tlog/frozen.ts";
import { parseVerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { frozenAt, frozenLines } from "./show-frozen.ts";
import { openForGood, STOPPED_LOG_SETTINGS, stoppedLog } from "./stopped-log.ts";

const WORDS = {
  data: "where the log lives (default: ./data)",
  key: "the log's signing key: a file, ssh-agent:SHA256:… or pkcs11:… (default: the data directory + .key)",
  witnessPolicy: "the policy file that the log is served with: its witnesses cosign the last checkpoint",
  servedAt: "where readers see this log: asked whether more was signed than is here; may be repeated",
};

/** `freeze`: ends a log. It cannot be taken back, so the log has to be named. */
export const freeze: CommandDefinition = {
  define(command) {
    command.argument("[ORIGIN]", "the log's name, to say that this log is meant");
    command.option(
      "--successor <VKEY-AND-URL>",
      "'VKEY [URL]': the log that takes entries from now on; signed into the last checkpoint",
    );
    command.option(
      "--unmarked",
      "leave the last checkpoint as it is, where too few of its witnesses cosign what says that the log ended",
    );
    addSettings(command, STOPPED_LOG_SETTINGS, WORDS);
    addExamples(command, [
      "bristlecone freeze example.com/2026 --data /var/lib/log --policy policy.txt",
      "bristlecone freeze example.com/2026 --successor 'example.com/2027+… https://log.example.com/2027/'",
    ]);
  },
  async run(call) {
    const stopped = await stoppedLog(
      call,
      (data) =>
        `this would end the log in ${data} for ever: it takes no entry any more, and nothing brings it back. To end it, give its name`,
    );
    const freeze = {
      successor: successorOf(textFlag(call.flags, "successor"), stopped.origin),
      isUnmarked: isFlagOn(call.flags, "unmarked"),
      atSeconds: Math.floor(Date.now() / 1000),
    };
    const { log, checkpoint } = await openForGood(call, stopped, {
      options: { freeze },
      unfinished: UNFINISHED,
    });
    await report(call, log, checkpoint);
  },
};

const UNFINISHED = [
  "the log is frozen, and takes no more entries. Its last checkpoint does not say so yet, for too few witnesses cosigned that it does:",
  "Run freeze again, or serve, which goes on asking them; or, if they cosign no checkpoint with extension lines, run freeze --unmarked",
] as const;

function successorOf(text: string | undefined, origin: string): Successor | undefined {
  if (text === undefined) return undefined;
  const successor = parseSuccessor(text);
  if (parseVerifierKey(successor.vkey).name !== origin) return successor;
  throw new TlogError("USAGE", `--successor: want another log, got ${origin} itself`);
}

async function report(call: Call, log: Log, checkpoint: Uint8Array): Promise<void> {
  const { origin, end } = log;
  if (end === undefined) throw new InvariantError("a log that was frozen has no end");
  const { text, signatures } = parseNote(checkpoint);
  const isMarked = frozenAt(text) !== undefined;
  await call.output.result({
    text: [
      "FROZEN",
      `origin       ${origin}`,
      `tree size    ${end.treeSize}`,
      `root hash    ${encodeBase64(end.rootHash)}`,
      ...frozenLines(end),
      `signed by    ${signatures.map(({ name }) => name).join(", ")}`,
      ...(isMarked ? [] : [NOT_MARKED]),
      "",
      "It takes no more entries, for ever. Start `bristlecone serve` as before, and it is served for ever; or serve a static export.",
      "Nothing has to be signed with its key any more.",
    ].join("\n"),
    json: { origin, ...endJson(end), marked: isMarked, checkpoint: decodeUtf8(checkpoint) },
  });
}

const NOT_MARKED =
  "not marked   the last checkpoint does not say so, /log.json does: --unmarked was given, or this log or its policy needs ML-DSA-44 signatures, which cover no such line";

function endJson({ treeSize, rootHash, atSeconds, successor }: LogEnd): object {
  return { treeSize, rootHash: encodeBase64(rootHash), atSeconds, successor };
}
