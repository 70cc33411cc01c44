import type { LogEntry } from "../../client/entries.ts";
import { TlogError } from "../errors.ts";
import { encodeBase64, encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { type Call, isFlagOn, onlyOneOf, textFlag } from "./command.ts";

/** For the help of commands that print entries. */
export const RAW_BYTES_HELP = `
Entries are printed as they are: who wrote one may have put commands for a terminal into it. Look at a stranger's with --json.`;

/** An entry as JSON: bytes are base64, because an entry need not be text. */
export function entryJson({ leafIndex, leafHash, entry }: LogEntry) {
  return { leafIndex, leafHash: encodeHex(leafHash), entry: encodeBase64(entry) };
}

/** Prints entries one after the other: bytes and separator, or JSON lines. */
export function entryPrinter({ flags, output }: Call): (entry: LogEntry) => Promise<void> {
  const given = onlyOneOf(flags, ["separator", "paragraphs"]);
  const separator = encodeUtf8(
    isFlagOn(flags, "paragraphs") ? "\n\n" : unescaped(textFlag(flags, "separator") ?? "\\n"),
  );
  if (output.isJson && given !== undefined) {
    throw new TlogError("USAGE", `want --json or --${given}, not both: JSON has one entry a line`);
  }
  if (output.isJson) return (entry) => output.result({ text: "", json: entryJson(entry) });
  return async ({ entry }) => {
    const bytes = new Uint8Array(entry.length + separator.length);
    bytes.set(entry);
    bytes.set(separator, entry.length);
    await output.bytes(bytes);
  };
}

/** What `\n`, `\t`, `\0` and `\\` stand for in --separator. */
const ESCAPES: Readonly<Record<string, string>> = Object.freeze({
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  "\\": "\\",
});

function unescaped(text: string): string {
  return text.replace(/\\(.?)/gs, (_whole, letter: string) => {
    const char = ESCAPES[letter];
    if (char !== undefined) return char;
    throw new TlogError("USAGE", `--separator: want \\n, \\t, \\r, \\0 or \\\\, got \\${letter}`);
  });
}
