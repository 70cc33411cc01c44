import { TlogError } from "../errors.ts";
import { encodeHex, parseDecimal } from "../tlog/encoding.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { MAX_QUERIES_PER_DAY } from "../tlog/log-list.ts";
import type { RosterEntry } from "../witness/roster.ts";
import { addExamples, addSettings, type CommandDefinition, isFlagOn, textFlag } from "./command.ts";
import { changeLog, DATA_WORDS, withWitnessDirectory } from "./witness-directory.ts";

/** `witness add-log`: lets a witness cosign for one more log, or gives a log it knows another key, URL or limit. */
export const witnessAddLog: CommandDefinition = {
  define(command) {
    command
      .argument("<vkey>", "the log's verifier key: NAME+HASH+KEY")
      .option("--origin <NAME>", "what its checkpoints start with, when that is not the key's name")
      .option("--url <URL>", "where the log is read; the first is polled; may be repeated", collect, [])
      .option("--qpd <N>", "most new heads a day that are cosigned (default: no limit)")
      .option("--add-key", "accept this key beside those that a known log has");
    addSettings(command, ["data"], { data: DATA_WORDS });
    addExamples(command, [
      'bristlecone witness add-log "$VKEY" --url https://log.example/ --data ./witness',
      'bristlecone witness add-log "$NEW_VKEY" --add-key --data ./witness',
      'bristlecone witness add-log "$SUMDB_VKEY" --origin "go.sum database tree" --data ./witness',
    ]);
  },
  async run({ args, flags, output, config }) {
    const key = parseVerifierKey(args[0] ?? "");
    const origin = textFlag(flags, "origin") ?? key.name;
    const request = {
      key,
      urls: Array.isArray(flags.url) ? flags.url.map(String) : [],
      queriesPerDay: queriesPerDayOf(textFlag(flags, "qpd")),
      isKeyAdded: isFlagOn(flags, "addKey"),
    };
    const { log, path, hasRun } = await withWitnessDirectory(await config(), async (directory) => ({
      log: await changeLog(directory, origin, (known) => addedTo(known, origin, request)),
      path: directory.path,
      hasRun: directory.reader !== undefined,
    }));
    await output.result({
      text: [
        `${log.origin} is a log of the witness in ${path}`,
        ...log.logKeys.map((logKey) => `key    ${formatVerifierKey(logKey)}`),
        ...log.urls.map((url) => `url    ${url}`),
        `limit  ${log.queriesPerDay === undefined ? "none" : `${log.queriesPerDay} new heads a day`}`,
      ].join("\n"),
      json: {
        origin: log.origin,
        vkeys: log.logKeys.map(formatVerifierKey),
        urls: log.urls,
        queriesPerDay: log.queriesPerDay,
      },
    });
    if (!hasRun) output.notice(`no witness has run in ${path} yet`);
    if (log.isDisabled) output.notice(`the log is disabled; see witness enable`);
  },
};

interface AddRequest {
  readonly key: VerifierKey;
  readonly urls: readonly string[];
  readonly queriesPerDay: number | undefined;
  readonly isKeyAdded: boolean;
}

function addedTo(known: RosterEntry | undefined, origin: string, request: AddRequest): RosterEntry {
  const { key, urls, queriesPerDay, isKeyAdded } = request;
  if (known === undefined) return { origin, logKeys: [key], urls, queriesPerDay, isDisabled: false };
  const hasKey = known.logKeys.some(({ publicKey }) => encodeHex(publicKey) === encodeHex(key.publicKey));
  if (!hasKey && !isKeyAdded) {
    throw new TlogError(
      "ROSTER_INVALID",
      `${origin} is known with another key, ${known.logKeys.map(formatVerifierKey).join(", ")}: give --add-key only when the log itself says that it signs with both`,
    );
  }
  return {
    ...known,
    logKeys: hasKey ? known.logKeys : [...known.logKeys, key],
    urls: [...new Set([...known.urls, ...urls])],
    queriesPerDay: queriesPerDay ?? known.queriesPerDay,
  };
}

function queriesPerDayOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDecimal(text, { max: MAX_QUERIES_PER_DAY });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("USAGE", `--qpd: want a whole number from 1 to ${MAX_QUERIES_PER_DAY}, got ${text}`);
  }
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
