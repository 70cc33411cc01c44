import { openNewestHead, readKeyHistory } from "../archive/carried-keys.ts";
import { type Imported, importLog } from "../archive/import.ts";
import { openGuardFile } from "../server.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { openEntriesProgress } from "./entries-progress.ts";
import { KEY_HISTORY_OPTION, knownKeyHistory, withKeyHistoryWay } from "./key-history-option.ts";
import { openPlace, placeTrust } from "./log-places.ts";
import { grouped } from "./progress.ts";
import { dataPaths } from "./serve-key.ts";

/** `import`: any tlog-tiles log as a data directory, or what a data directory lacks of its log. */
export const importEntries: CommandDefinition = {
  define(command) {
    command.argument("<from>", "the URL of a log, or a static tlog-tiles directory");
    command.option(...KEY_HISTORY_OPTION);
    addSettings(command, ["data", "key", "passphraseFile", "guard", "vkey", "policy", "origin", "timeout"], {
      data: "where the log will live, made when missing; one that holds the beginning of this log is brought up to date (default: ./data)",
      key: "the log's own key: where --vkey and --policy are missing, its heads are believed (default: the data directory + .key)",
      guard: "what this log signed before, where it is your own (default: the data directory + .guard)",
    });
    addExamples(command, [
      'bristlecone import https://log.example.com --data ./copy --vkey "$VKEY"',
      "bristlecone import /srv/www/log --data ./data",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run(call) {
    const { args, output, signal, now } = call;
    const config = await call.config();
    const paths = dataPaths(config);
    const source = openPlace(args[0] ?? "", config);
    const { trust, words } = await placeTrust(call, paths);
    const keyHistory = await knownKeyHistory(call, await readKeyHistory(source, { trust, signal }), trust);
    const head = await openNewestHead(source, { trust, history: keyHistory, signal });
    const guard = await openGuardFile(paths.guard);
    const progress = openEntriesProgress(output, now);
    try {
      const imported = await importLog({
        sources: [source],
        head,
        keyHistory,
        directory: paths.data,
        guard,
        signal,
        onStart: progress.start,
        onProgress: progress.advance,
      });
      progress.end();
      const { origin, treeSize: signedSize, rootHash } = head;
      await output.result({
        text: [
          `imported   ${origin}`,
          `entries    ${grouped(imported.treeSize)}, ${grouped(imported.treeSize - imported.before)} of them new`,
          `verified   every new entry, against the head of size ${grouped(signedSize)}, root hash ${encodeBase64(rootHash)}`,
          `trusted    ${words}`,
          ...(keyHistory === undefined ? [] : [`key changes ${keyHistory.changes.length}, verified`]),
          `data in    ${paths.data}`,
          `guard      ${guardWords(imported, paths.guard)}`,
        ].join("\n"),
        json: {
          origin,
          ...imported,
          signedSize,
          rootHash: encodeBase64(rootHash),
          keyChanges: keyHistory?.changes.length,
          directory: paths.data,
        },
      });
    } catch (error) {
      const done = progress.reached();
      if (done !== undefined)
        output.notice(`${grouped(done)} entries are in ${paths.data}; the same command goes on from there`);
      throw withKeyHistoryWay(error);
    } finally {
      progress.end();
      await guard.close();
    }
  },
};

/** What has to happen before the log signs again from here. */
export function guardWords({ guard }: Pick<Imported, "guard">, path: string): string {
  if (guard === "none")
    return `there is none at ${path}; to sign from here needs the log's guard, or serve --recreate-guard`;
  return guard === "fits"
    ? `${path} accepts the data`
    : `${path} accepts the data; once the log was started from it, no other copy of the log`;
}

const AFTER = `
Every entry is held against the signed head before it is written. Stopped in the middle, the same command goes on. Any log that
serves C2SP tlog-tiles can be imported; to go on signing needs its key. Where the guard is there, the log is known to have
signed nothing that is missing here, and \`bristlecone serve\` starts on the imported data as it did on the old.`;
