import { join, resolve } from "node:path";
import { trustIn } from "../../client/policy.ts";
import { TlogError } from "../errors.ts";
import { standaloneExplorer } from "../http/explorer.ts";
import { readExplorerFiles } from "../node/explorer-files.ts";
import { formatPolicy } from "../tlog/policy.ts";
import { addExamples, addSettings, type CommandDefinition, isFlagOn } from "./command.ts";
import { makeFolder, replaceFile } from "./files.ts";
import { requiredTrust } from "./trust.ts";

/** `explorer`: writes the web page that verifies a log, for any web server, with the keys to verify with. */
export const explorer: CommandDefinition = {
  define(command) {
    command
      .argument("<directory>", "where the files go; made when missing")
      .option(
        "--beside-log",
        "the page will lie where the log's checkpoint and tiles are; --log is not needed",
      );
    addSettings(command, ["log", "vkey", "policy", "origin"]);
    addExamples(command, [
      "bristlecone explorer /srv/www/explorer --log https://log.example.com/ --policy policy.txt",
      "bristlecone explorer /srv/www/log --beside-log --vkey 'example.com/log+…'",
    ]);
    command.addHelpText("after", AFTER);
  },
  async run(call) {
    const { args, flags, output, signal } = call;
    const config = await call.config();
    const { trust } = await requiredTrust(call);
    const directory = args[0] ?? "";
    const logUrl = isFlagOn(flags, "besideLog") ? undefined : config.value("log");
    const wanted = config.value("origin");
    const { policy: trusted, origin } = trustIn(wanted === undefined ? trust : { ...trust, origin: wanted });
    const policy = formatPolicy(trusted);
    const files = standaloneExplorer(readExplorerFiles(), { logUrl, policyName: POLICY_NAME, origin });
    await makeFolder(join(directory, "explorer"), { mode: 0o755 });
    // The page last: it names the others.
    for (const [name, bytes] of [[`explorer/${POLICY_NAME}`, policy] as const, ...[...files].reverse()]) {
      if (signal.aborted) throw new TlogError("ABORTED", "stopped before all files were written");
      await replaceFile(join(directory, name), bytes);
    }
    const path = resolve(directory);
    await output.result({
      text: [
        `written  ${files.size + 1} files in ${path}`,
        `log      ${logUrl ?? "where the page is"}`,
        "Serve the directory with any web server; spec/explorer.md says with which headers.",
      ].join("\n"),
      json: { directory: path, log: logUrl, files: files.size + 1 },
    });
  },
};

const POLICY_NAME = "policy.txt";

const AFTER = `
The page needs no server of its own: the reader's browser verifies everything with the key or policy that is written beside it. Served by
somebody else than the log's operator it does not depend on the log's honesty. The log has to let pages of other origins read it (CORS);
every Bristlecone log does.`;
