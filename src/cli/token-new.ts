import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Command } from "commander";
import { TlogError } from "../errors.ts";
import { newWriteToken, type WriteToken } from "../http/write-tokens.ts";
import { addExamples, type CommandDefinition, type Flags, textFlag } from "./command.ts";
import { indexArgument } from "./entry-argument.ts";
import { appendToFile, readSmallFile, saveNewSecret } from "./files.ts";
import {
  formatTokenLine,
  isTokenName,
  MAX_TOKENS_FILE_BYTES,
  parseTokenFile,
  readTokenFile,
  startOfDay,
} from "./token-file.ts";

/** `token new`: makes a write token and the line a log is configured with. */
export const tokenNew: CommandDefinition = {
  define(command) {
    addTokenOptions(command);
    addExamples(command, [
      "bristlecone token new",
      "bristlecone token new --name build-server --entries-per-second 100 --tokens tokens.txt",
      "bristlecone token new --name night-job --tokens tokens.txt --out night-job.token",
      "bristlecone token new --json",
    ]);
  },
  async run({ flags, output }) {
    const { token, tokenHash } = newWriteToken();
    const known = tokenOf(flags, tokenHash);
    const line = formatTokenLine(known);
    const path = textFlag(flags, "tokens");
    const out = textFlag(flags, "out");
    if (out !== undefined) await saveNewSecret(out, `${token}\n`);
    try {
      if (path !== undefined) await addLine(path, { line, hash: tokenHash });
    } catch (error) {
      if (out !== undefined) await rm(out, { force: true }); // no log would take it
      throw error;
    }
    await output.result({
      text: [
        `token       ${out === undefined ? token : `in ${out}`}`,
        `token hash  ${tokenHash}`,
        ...(line === tokenHash ? [] : [`line        ${line}`]),
        "",
        "The client keeps the token (BRISTLECONE_TOKEN, or a file and --token-file). It cannot be had again from the hash.",
        path === undefined
          ? "The log is given the hash (serve --token-hash), or the line in the file of serve --tokens."
          : `The line stands in ${path}: a log started with --tokens ${path} takes the token within seconds.`,
      ].join("\n"),
      json: { ...(out === undefined ? { token } : { tokenFile: out }), tokenHash, line },
    });
  },
};

function addTokenOptions(command: Command): void {
  command
    .option("--name <NAME>", "what to call it, in the file and in messages")
    .option("--entries-per-second <N>", "how many entries it may add, on average")
    .option("--bytes-per-second <BYTES>", "how much it may send, on average")
    .option("--max-entry-bytes <BYTES>", "its largest entry, where that is less than the log's")
    .option("--expires <DAY>", "from this day on it is refused, UTC, such as 2027-01-31")
    .option("--tokens <FILE>", "add its line to this file; made when missing")
    .option("--out <FILE>", "save the token in this new file, mode 0600, and do not print it");
}

/** @throws {TlogError} USAGE */
function tokenOf(flags: Flags, hash: string): WriteToken {
  const count = (flag: string, spelling: string) => {
    const text = textFlag(flags, flag);
    if (text === undefined) return undefined;
    const value = indexArgument(spelling, text);
    if (value > 0) return value;
    throw new TlogError("USAGE", `${spelling}: want a whole number from 1 up`);
  };
  const name = textFlag(flags, "name");
  if (name !== undefined && !isTokenName(name)) {
    throw new TlogError("USAGE", "--name: want 1 to 64 letters, digits, and . _ @ -");
  }
  const day = textFlag(flags, "expires");
  const expiresAtSeconds = day === undefined ? undefined : startOfDay(day);
  if (day !== undefined && expiresAtSeconds === undefined) {
    throw new TlogError("USAGE", "--expires: want a day such as 2027-01-31");
  }
  return {
    hash,
    name,
    entriesPerSecond: count("entriesPerSecond", "--entries-per-second"),
    bytesPerSecond: count("bytesPerSecond", "--bytes-per-second"),
    maxEntryBytes: count("maxEntryBytes", "--max-entry-bytes"),
    expiresAtSeconds,
  };
}

/**
 * Appends, so that the file keeps its owner, and the lines that others write at the same time stay. Only when the file is right before;
 * and looked at after, since others may have taken the name meanwhile, or written over the line.
 */
async function addLine(path: string, { line, hash }: { readonly line: string; readonly hash: string }) {
  const added = new TextEncoder().encode(`${line}\n`);
  const maxBytes = MAX_TOKENS_FILE_BYTES - added.length;
  const before = existsSync(path) ? await readSmallFile(path, { maxBytes }) : new Uint8Array();
  parseTokenFile(before, path);
  parseTokenFile(Uint8Array.from([...before, ...added]), path);
  await appendToFile(path, added);
  if ((await readTokenFile(path)).some((token) => token.hash === hash)) return;
  throw new TlogError(
    "FILE_UNWRITABLE",
    `${path}: the line was added, and somebody wrote over it; want it again`,
  );
}
