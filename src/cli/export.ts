import { exportLog } from "../archive/export.ts";
import { openStoreSource, openWholeReader } from "../archive/store-source.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type CommandDefinition, isFlagOn } from "./command.ts";
import { openEntriesProgress } from "./entries-progress.ts";
import { grouped, humanBytes } from "./progress.ts";

/** `export`: writes what a log published as static files, all of it the first time, what is new from then on. */
export const exportFiles: CommandDefinition = {
  define(command) {
    command
      .argument("<directory>", "where the files go; made when missing, or an earlier export")
      .option("--all", "write every file again, not only what is new");
    addSettings(command, ["data"], { data: "the log's data directory; a server may be running on it" });
    addExamples(command, [
      "bristlecone export /srv/www/log",
      "bristlecone export /srv/www/log --data /var/lib/log --json",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run({ args, flags, output, signal, now, config }) {
    const data = (await config()).value("data");
    const directory = args[0] ?? "";
    const reader = await openWholeReader(data);
    const progress = openEntriesProgress(output, now);
    try {
      const exported = await exportLog({
        source: openStoreSource(reader, data),
        directory,
        all: isFlagOn(flags, "all"),
        signal,
        onStart: progress.start,
        onProgress: progress.advance,
      });
      progress.end();
      const { origin, treeSize, rootHash, before, files, bytes } = exported;
      await output.result({
        text: [
          `exported   ${origin}`,
          `tree size  ${grouped(treeSize)}${before === undefined ? "" : ` (before: ${grouped(before)})`}`,
          `root hash  ${encodeBase64(rootHash)}`,
          `written    ${grouped(files)} files, ${humanBytes(bytes)}, in ${directory}`,
        ].join("\n"),
        json: { origin, treeSize, rootHash: encodeBase64(rootHash), before, files, bytes, directory },
      });
    } finally {
      progress.end();
      await reader.close();
    }
  },
};

const AFTER = `
The directory is a whole C2SP tlog-tiles log that any web server or CDN can serve. Every entry is hashed on the way, and the
checkpoint is replaced last, when all that it commits to is on disk. Run it again, from cron for example, to add what is new.`;
