import { addExamples, addSettings, type CommandDefinition, textFlag } from "./command.ts";
import { indexArgument } from "./entry-argument.ts";
import { openRemote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";
import { entryPrinter, RAW_BYTES_HELP } from "./show-entry.ts";

const BYTES_HELP = `
After each entry, also the last, comes the separator. So these give back the bytes that came in:
  add --lines FILE       cat                  when FILE ends with a newline
  add --paragraphs FILE  cat --paragraphs     when one empty line ends each paragraph, as in Debian's package index
and entries that may hold newlines are told apart by --separator '\\0' or --json. Of entries that were added twice a log has
the first only, unless it allows duplicates.`;

/** `cat`: prints entries, each checked against the log's signed head. */
export const cat: CommandDefinition = {
  define(command) {
    command
      .option("--start <INDEX>", "first leaf index (default: 0)")
      .option("--end <INDEX>", "leaf index to stop before (default: the end of the log)")
      .option("--separator <TEXT>", "written after each entry; knows \\n \\t \\r \\0 \\\\ (default: \\n)")
      .option("--paragraphs", "write a newline and an empty line after each entry");
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone cat",
      "bristlecone cat --start 1000 --end 2000 --json",
      "bristlecone cat --paragraphs > Packages",
    ]);
    command.addHelpText("after", BYTES_HELP + RAW_BYTES_HELP);
  },
  async run(call) {
    const start = indexArgument("--start", textFlag(call.flags, "start") ?? "0");
    const endText = textFlag(call.flags, "end");
    const end = endText === undefined ? undefined : indexArgument("--end", endText);
    const print = entryPrinter(call);
    const { client } = await openRemote(call);
    const range = { start, ...(end !== undefined && { end }), signal: call.signal };
    for await (const entry of client.entries(range)) await print(entry);
  },
};
