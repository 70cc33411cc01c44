import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Log, LogEnd } from "../log/log.ts";
import type { FreezeRequest } from "../server.ts";
import { logLines } from "../telemetry/log-lines.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { parseSuccessor, type Successor } from "../tlog/frozen.ts";
import { parseVerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import { assertSettings } from "./checked-settings.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { localWitnesses, type Opening, openConfiguredLog, PLACE_SETTINGS } from "./configured-log.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, dataPaths, openLogKeys } from "./serve-key.ts";
import { assertWitnessesAsked, WITNESS_SETTINGS } from "./serve-witnesses.ts";
import { lineOptions } from "./serving.ts";
import { frozenAt, frozenLines } from "./show-frozen.ts";
import { assertLogThere, publishAll } from "./stopped-log.ts";

const OPTIONS = [
  ...PLACE_SETTINGS,
  ...WITNESS_SETTINGS,
  "localWitnesses",
  "servedAt",
  "logLevel",
  "logFormat",
] as const;

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
    addSettings(command, OPTIONS, WORDS);
    addExamples(command, [
      "bristlecone freeze example.com/2026 --data /var/lib/log --policy policy.txt",
      "bristlecone freeze example.com/2026 --successor 'example.com/2027+… https://log.example.com/2027/'",
    ]);
  },
  async run(call) {
    const config = await call.config();
    assertSettings(config, OPTIONS);
    assertWitnessesAsked(config);
    const paths = dataPaths(config);
    assertLogThere(paths);
    const signers = await openLogKeys(paths, { ...keyOptions(call, config), origin: config.value("origin") });
    const origin = signers[0]?.verifierKey.name ?? "";
    assertNamed(call.args[0], { origin, paths });
    const successor = successorOf(textFlag(call.flags, "successor"), origin);
    const events = logLines(lineOptions(call, config));
    const local = await localWitnesses(call, { config, paths, signers });
    try {
      const opening = { config, paths, signers, local, events };
      await publishAll(call, opening);
      const log = await openFrozen(opening, { successor, isUnmarked: isFlagOn(call.flags, "unmarked") });
      const published = log.published();
      await log.close();
      await report(call, log, published.checkpoint);
    } finally {
      await local?.close();
    }
  },
};

function assertNamed(
  given: string | undefined,
  { origin, paths }: { readonly origin: string; readonly paths: DataPaths },
): void {
  if (given === origin) return;
  const got = given === undefined ? "" : `, got ${given}`;
  throw new TlogError(
    "USAGE",
    `this would end the log in ${paths.data} for ever: it takes no entry any more, and nothing brings it back. To end it, give its name ${origin}${got}`,
  );
}

function successorOf(text: string | undefined, origin: string): Successor | undefined {
  if (text === undefined) return undefined;
  const successor = parseSuccessor(text);
  if (parseVerifierKey(successor.vkey).name !== origin) return successor;
  throw new TlogError("USAGE", `--successor: want another log, got ${origin} itself`);
}

async function openFrozen(
  opening: Opening,
  wanted: Pick<FreezeRequest, "successor" | "isUnmarked">,
): Promise<Log> {
  const failures = new Map<string, string>();
  // What there is to warn of was told by the opening before.
  const events: LogEvents = { witnessFailed: ({ name, message }) => void failures.set(name, message) };
  const freeze = { ...wanted, atSeconds: Math.floor(Date.now() / 1000) };
  try {
    return await openConfiguredLog({ ...opening, events }, { freeze });
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "QUORUM_NOT_MET") throw error;
    const who = [...failures].map(([name, message]) => `\n  - ${name}: ${message}`).join("");
    throw new TlogError(
      "INCOMPLETE",
      `the log is frozen, and takes no more entries. Its last checkpoint does not say so yet, for too few witnesses cosigned that it does:${who}\nRun freeze again, or serve, which goes on asking them; or, if they cosign no checkpoint with extension lines, run freeze --unmarked`,
      { cause: error },
    );
  }
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
