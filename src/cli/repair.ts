import { repairLog } from "../archive/repair.ts";
import { openGuardFile } from "../server.ts";
import { addExamples, addSettings, type CommandDefinition, textFlag } from "./command.ts";
import { openEntriesProgress } from "./entries-progress.ts";
import { guardWords } from "./import.ts";
import { KEY_HISTORY_OPTION, knownKeyHistory, withKeyHistoryWay } from "./key-history-option.ts";
import { openPlace, placeTrust } from "./log-places.ts";
import { grouped } from "./progress.ts";
import { dataPaths } from "./serve-key.ts";

/** `repair`: a whole data directory of a damaged one, with the help of mirrors. */
export const repair: CommandDefinition = {
  define(command) {
    command
      .option(
        "--from <URL|DIR>",
        "a log or static directory that has what is damaged; may be repeated",
        collect,
        [],
      )
      .option(...KEY_HISTORY_OPTION)
      .option("--out <DIR>", "where the whole data goes (default: the data directory + .repaired)");
    addSettings(command, ["data", "key", "passphraseFile", "guard", "vkey", "policy", "origin", "timeout"], {
      data: "the damaged data directory: only read, and no server may be running on it (default: ./data)",
      key: "the log's own key: where --vkey and --policy are missing, its heads are believed (default: the data directory + .key)",
    });
    addExamples(command, [
      "bristlecone repair --from https://mirror.example.com/log",
      "bristlecone repair --data /var/lib/log --from /srv/www/log --out /var/lib/log.new",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run(call) {
    const { flags, output, signal, now } = call;
    const config = await call.config();
    const paths = dataPaths(config);
    const out = textFlag(flags, "out") ?? `${paths.data}.repaired`;
    const from = Array.isArray(flags.from) ? flags.from.map(String) : [];
    const { trust, words } = await placeTrust(call, paths);
    const guard = await openGuardFile(paths.guard);
    const progress = openEntriesProgress(output, now);
    try {
      const repaired = await repairLog({
        damaged: paths.data,
        directory: out,
        mirrors: from.map((place) => openPlace(place, config)),
        trust,
        keyHistory: await knownKeyHistory(call, undefined, trust),
        guard,
        signal,
        onStart: progress.start,
        onProgress: progress.advance,
        onPassedOver: ({ start, end, reason }) =>
          output.notice(`entries ${start} to ${end - 1} come from elsewhere: ${reason}`),
        onUnusable: ({ location, error }) => output.notice(`${location} is of no use: ${error.message}`),
      });
      progress.end();
      const { origin, treeSize, signedSize, fetched } = repaired;
      await output.result({
        text: [
          `repaired   ${origin}`,
          `entries    ${grouped(treeSize)}, ${grouped(fetched)} of them from elsewhere`,
          `verified   every entry, against the signed head of size ${grouped(signedSize)}`,
          `trusted    ${words}`,
          `data in    ${out}`,
          `guard      ${guardWords(repaired, paths.guard)}`,
          "",
          "The damaged data is as it was. To put the whole data in its place:",
          `  mv ${paths.data} ${paths.data}.damaged && mv ${out} ${paths.data}`,
        ].join("\n"),
        json: { ...repaired, directory: out },
      });
    } catch (error) {
      throw withKeyHistoryWay(error);
    } finally {
      progress.end();
      await guard.close();
    }
  },
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

const AFTER = `
Writes a whole data directory beside the damaged one, which is only read: entries from there where they are intact, from --from
where they are not, tiles and indices derived anew; all of it is held against signed heads. Without --from it repairs what can be
derived from intact entries. Look first what is damaged with \`bristlecone fsck\`.`;
