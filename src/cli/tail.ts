import { MAX_WAIT_MS } from "../setting.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, textFlag } from "./command.ts";
import { indexArgument } from "./entry-argument.ts";
import { exitCodeOf } from "./exit-code.ts";
import { openRemote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";
import { entryPrinter, RAW_BYTES_HELP } from "./show-entry.ts";

const DEFAULT_LAST = "10";

/** `tail`: prints the last entries, then every new one, each checked, until Ctrl-C. */
export const tail: CommandDefinition = {
  define(command) {
    command
      .option("-n, --last <N>", `how many entries to begin with (default: ${DEFAULT_LAST})`)
      .option("--from <INDEX>", "begin with this leaf index instead")
      .option("--separator <TEXT>", "written after each entry; knows \\n \\t \\r \\0 \\\\ (default: \\n)")
      .option("--paragraphs", "write a newline and an empty line after each entry")
      .option("--poll <MS>", "pause between two looks at a log that has no GET /events (default: 1000)");
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone tail",
      "bristlecone tail --last 0 --json",
      "bristlecone tail --from 0",
    ]);
    command.addHelpText("after", RAW_BYTES_HELP);
  },
  async run(call) {
    try {
      await follow(call);
    } catch (error) {
      // Ending is what Ctrl-C is for here; but what failed to verify at that moment did fail.
      if (!call.signal.aborted || exitCodeOf(error) === 1) throw error;
    }
  },
};

async function follow(call: Call): Promise<void> {
  const { flags, signal, output } = call;
  const last = indexArgument("--last", textFlag(flags, "last") ?? DEFAULT_LAST);
  const pollMs = Math.max(1, indexArgument("--poll", textFlag(flags, "poll") ?? "1000", MAX_WAIT_MS));
  const fromText = textFlag(flags, "from");
  const print = entryPrinter(call);
  const from = fromText === undefined ? undefined : indexArgument("--from", fromText);
  const { client } = await openRemote(call);
  const begin = from ?? Math.max(0, (await client.checkpoint({ signal })).treeSize - last);
  // A person is watching: ask an idle log as often as a busy one.
  const pace = { pollMs, maxPollMs: pollMs };
  const onProblem = (problem: Error) => output.notice(`${problem.message}; trying again`);
  for await (const entry of client.follow({ from: begin, signal, ...pace, onProblem })) await print(entry);
}
