import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import type { RosterEntry } from "../witness/roster.ts";
import { addExamples, addSettings, type CommandDefinition, textFlag } from "./command.ts";
import { changeLog, DATA_WORDS, withWitnessDirectory } from "./witness-directory.ts";

/** `witness remove-key`: what one key of a log signs is cosigned no more, because the log replaced it or somebody else has it. */
export const witnessRemoveKey: CommandDefinition = {
  define(command) {
    command
      .argument("<vkey>", "the verifier key that speaks for the log no more: NAME+HASH+KEY")
      .option("--origin <NAME>", "what the log's checkpoints start with, when that is not the key's name");
    addSettings(command, ["data"], { data: DATA_WORDS });
    addExamples(command, [
      'bristlecone witness add-log "$NEW_VKEY" --add-key --data ./witness',
      'bristlecone witness remove-key "$OLD_VKEY" --data ./witness',
    ]);
    command.addHelpText("after", AFTER);
  },
  async run({ args, flags, output, config }) {
    const key = parseVerifierKey(args[0] ?? "");
    const origin = textFlag(flags, "origin") ?? key.name;
    const { log, path } = await withWitnessDirectory(await config(), async (directory) => ({
      log: await changeLog(directory, origin, (known) => withoutKey(known, origin, key)),
      path: directory.path,
    }));
    const vkeys = log.logKeys.map(formatVerifierKey);
    await output.result({
      text: [
        `${log.origin} is a log of the witness in ${path}`,
        ...vkeys.map((vkey) => `key    ${vkey}`),
      ].join("\n"),
      json: { origin: log.origin, vkeys },
    });
    output.notice("a witness that was started with this key in its own --log has to be started without it");
  },
};

/** @throws {TlogError} LOG_UNKNOWN | ROSTER_INVALID (not its key, or its last one) */
function withoutKey(known: RosterEntry | undefined, origin: string, key: VerifierKey): RosterEntry {
  if (known === undefined) throw new TlogError("LOG_UNKNOWN", `the witness's files have no log ${origin}`);
  const logKeys = known.logKeys.filter(({ publicKey }) => encodeHex(publicKey) !== encodeHex(key.publicKey));
  if (logKeys.length === known.logKeys.length) {
    throw new TlogError(
      "ROSTER_INVALID",
      `${formatVerifierKey(key)} is no key of ${origin}: its keys are ${known.logKeys.map(formatVerifierKey).join(", ")}`,
    );
  }
  if (logKeys.length > 0) return { ...known, logKeys };
  throw new TlogError(
    "ROSTER_INVALID",
    `it is the only key of ${origin}: add the one that took its place first (witness add-log VKEY --add-key), or stop cosigning for the log (witness disable ${origin})`,
  );
}

const AFTER = `
A running witness takes it up within two seconds. What it cosigned stays; the log's heads have to continue that under the other keys.`;
