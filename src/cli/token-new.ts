import { newWriteToken } from "../http/access.ts";
import { addExamples, type CommandDefinition } from "./command.ts";

/** `token new`: makes a write token and the hash a log is configured with. */
export const tokenNew: CommandDefinition = {
  define(command) {
    addExamples(command, ["bristlecone token new", "bristlecone token new --json"]);
  },
  async run({ output }) {
    const { token, tokenHash } = newWriteToken();
    await output.result({
      text: [
        `token       ${token}`,
        `token hash  ${tokenHash}`,
        "",
        "The client keeps the token (BRISTLECONE_TOKEN, or a file and --token-file); the log is given the hash",
        "(serve --token-hash, or a line in the file of --tokens). The token cannot be had again from the hash.",
      ].join("\n"),
      json: { token, tokenHash },
    });
  },
};
