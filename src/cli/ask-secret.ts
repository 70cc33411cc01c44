import { openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { TlogError } from "../errors.ts";

/** How long to wait for somebody to type, in milliseconds. */
const PATIENCE_MS = 300_000;
const MAX_SECRET_CHARS = 1024;

/**
 * Asks on the terminal of this process, whatever its input and output are, and shows nothing of what is typed.
 * @returns what was typed; undefined when there is no terminal.
 * @throws {TlogError} ABORTED: Ctrl-C, Ctrl-D, the signal, or nobody typed anything
 */
export async function askSecret(question: string, signal: AbortSignal): Promise<string | undefined> {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  const input = new ReadStream(terminal);
  const until = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    input.setRawMode(true);
    writeSync(terminal, `${question}: `);
    return await typedLine(input, until);
  } finally {
    input.setRawMode(false);
    writeSync(terminal, "\n");
    input.destroy(); // closes the terminal too
  }
}

function openTerminal(): number | undefined {
  if (process.platform === "win32") return undefined;
  try {
    return openSync("/dev/tty", "r+");
  } catch {
    return undefined;
  }
}

function typedLine(input: ReadStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = "";
    const abort = () => reject(new TlogError("ABORTED", "nobody gave a passphrase"));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    input.once("error", abort);
    input.once("end", abort);
    input.setEncoding("utf8").on("data", (chunk: string) => {
      for (const letter of chunk) {
        if (letter === "\r" || letter === "\n") return resolve(typed);
        if (letter === "\x03" || letter === "\x04") return abort();
        if (letter === "\x7f" || letter === "\b") typed = [...typed].slice(0, -1).join("");
        else if (letter === "\x15")
          typed = ""; // Ctrl-U
        else if (typed.length < MAX_SECRET_CHARS) typed += letter;
      }
    });
  });
}
