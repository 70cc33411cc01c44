import { type GuardVerdict, restoreBackup } from "../archive/restore.ts";
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { openGuardFile } from "../server.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type CommandDefinition, isFlagOn } from "./command.ts";
import { keyChangesWaysOut, waysOut } from "./configured-log.ts";
import { openCopyProgress } from "./copy-progress.ts";
import { grouped, humanBytes } from "./progress.ts";
import { type DataPaths, dataPaths } from "./serve-key.ts";
import { withWaysOut } from "./serving.ts";

type GuardRefusal = Extract<GuardVerdict, { readonly fits: false }>;

/** `restore`: puts a backup back, and says what the log's guard thinks of it. */
export const restore: CommandDefinition = {
  define(command) {
    command
      .argument("<backup>", "what `bristlecone backup` made")
      .option("--verify", "read every entry of the copy too, not only its checksum");
    addSettings(command, ["data", "guard"], {
      data: "where the log will live: empty, or not there yet (default: ./data)",
    });
    addExamples(command, [
      "bristlecone restore /backup/2026-11-22 --verify",
      "bristlecone restore /backup/2026-11-22 --data /var/lib/log --guard /elsewhere/log.guard",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run({ args, flags, output, signal, now, config }) {
    const paths = dataPaths(await config());
    const { data, guard: guardPath } = paths;
    const from = args[0] ?? "";
    const verify = isFlagOn(flags, "verify");
    const guard = await openGuardFile(guardPath);
    const copying = openCopyProgress(output, now);
    try {
      const { manifest, guard: verdict } = await restoreBackup({
        from,
        directory: data,
        guard,
        verify,
        signal,
        onCopied: copying.copied,
        onVerified: copying.verified,
      });
      copying.end();
      const { origin, treeSize, bytes, madeAt, rootHash } = manifest;
      await output.result({
        text: [
          `restored   ${origin}, as it was at ${madeAt}`,
          `entries    ${grouped(treeSize)}`,
          `data in    ${data}, ${humanBytes(bytes)}, ${verify ? "every entry verified" : "checksum verified"}`,
          `guard      ${verdict.fits ? `${guardPath} accepts it` : `${guardPath} does not accept it`}`,
        ].join("\n"),
        json: {
          ...manifest,
          rootHash: encodeBase64(rootHash),
          directory: data,
          verified: verify,
          guard: verdict,
        },
      });
      if (!verdict.fits) throw refusal(verdict, paths);
    } finally {
      copying.end();
      await guard.close();
    }
  },
};

/** The data is there, and does not start as it is. */
function refusal({ code, message, missing, lacksKeyChanges }: GuardRefusal, paths: DataPaths): TlogError {
  const lacks = missing === 0 ? "" : `; ${grouped(missing)} entries that were signed are not in it`;
  const cause = withWaysOut(
    new TlogError(code, `${message}${lacks}`),
    lacksKeyChanges ? keyChangesWaysOut(paths) : waysOut(paths),
  );
  return new TlogError("INCOMPLETE", `restored, but serve would refuse it: ${messageOf(cause)}`, { cause });
}

const AFTER = `
The guard is left as it is: it knows what was signed since. Where it knows of more than the backup holds, the log does not start
before \`bristlecone import\` has fetched the rest from a mirror or a static export. Exit code 3: it is restored, and does not start as it is.`;
