import { addExamples, addSettings, type CommandDefinition, textFlag } from "./command.ts";
import { indexArgument } from "./entry-argument.ts";
import { replaceFile } from "./files.ts";
import { openRemote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";
import { entryJson, RAW_BYTES_HELP } from "./show-entry.ts";

/** `get`: reads one entry and checks that the log has committed to it. */
export const get: CommandDefinition = {
  define(command) {
    command
      .argument("<index>", "leaf index, from 0")
      .option("--out <FILE>", "write the bytes to this file instead");
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone get 0",
      "bristlecone get 41 --out entry.bin",
      "bristlecone get 41 --json",
    ]);
    command.addHelpText("after", RAW_BYTES_HELP);
  },
  async run(call) {
    const leafIndex = indexArgument("index", call.args[0]);
    const { client } = await openRemote(call);
    const entry = await client.entry(leafIndex, { signal: call.signal });
    const file = textFlag(call.flags, "out");
    if (file !== undefined) {
      await replaceFile(file, entry.entry);
      const { leafHash } = entryJson(entry);
      const text = `entry ${leafIndex} (${entry.entry.length} bytes) is in ${file}`;
      await call.output.result({ text, json: { leafIndex, leafHash, file } });
    } else if (call.output.isJson) {
      await call.output.result({ text: "", json: entryJson(entry) });
    } else {
      await call.output.bytes(entry.entry);
    }
  },
};
