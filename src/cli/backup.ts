import { backUp } from "../archive/backup.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { openCopyProgress } from "./copy-progress.ts";
import { grouped, humanBytes } from "./progress.ts";

/** `backup`: copies a log's data while it runs, and reads the copy from end to end. */
export const backup: CommandDefinition = {
  define(command) {
    command.argument("<directory>", "where the backup goes: empty, or not there yet");
    addSettings(command, ["data"], { data: "the log's data directory; a server may be running on it" });
    addExamples(command, [
      "bristlecone backup /backup/2026-11-22",
      "bristlecone backup /backup/2026-11-22 --data /var/lib/log --json",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run({ args, output, signal, now, config }) {
    const data = (await config()).value("data");
    const to = args[0] ?? "";
    const copying = openCopyProgress(output, now);
    try {
      const made = await backUp({
        directory: data,
        to,
        now: () => new Date(),
        signal,
        onCopied: copying.copied,
        onVerified: copying.verified,
      });
      copying.end();
      const { origin, treeSize, publishedSize, bytes, sha256, rootHash } = made;
      await output.result({
        text: [
          `backed up  ${origin}, and verified every entry`,
          `entries    ${grouped(treeSize)}, of which ${grouped(publishedSize ?? 0)} are published`,
          `root hash  ${encodeBase64(rootHash)}`,
          `copy       ${humanBytes(bytes)} in ${to}, SHA-256 ${sha256}`,
          "not in it  the log's key and its guard: keep the key elsewhere, and never put an older guard back",
        ].join("\n"),
        json: { ...made, rootHash: encodeBase64(rootHash), directory: to },
      });
    } finally {
      copying.end();
    }
  },
};

const AFTER = `
The copy is one moment of the log, whatever is written meanwhile. Put it back with \`bristlecone restore\`.`;
