import { once } from "node:events";
import { type ForkedHeads, LogForkedError } from "../../client/errors.ts";
import { TlogError } from "../errors.ts";
import { HeldLines, type LostLine } from "../telemetry/held-lines.ts";
import { printable } from "../telemetry/printable.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { exitCodeOf } from "./exit-code.ts";

/** The part of a stream that printing needs. */
export interface TextStream extends NodeJS.EventEmitter {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly fd?: number;
  /** What was written and not taken yet, in bytes. */
  readonly writableLength?: number;
  write(chunk: string | Uint8Array, done?: (error?: unknown) => void): boolean;
}

/** How a command speaks: results on stdout, everything about the work on stderr; with `--json`, JSON lines on both. */
export interface Output {
  readonly isJson: boolean;
  /** True when a person watches stderr: a progress line may be drawn. */
  readonly isWatched: boolean;
  /** True when stderr is a terminal. */
  readonly isTerminal: boolean;
  /** Of the terminal that stdout is; undefined when it is none. */
  readonly columns: number | undefined;
  /** One result: `text` for people (a newline is added), else `json` on a line of its own. */
  result(parts: { readonly text: string; readonly json: object }): Promise<void>;
  /** Bytes to stdout as they are, whatever a terminal makes of them. */
  bytes(data: Uint8Array): Promise<void>;
  /** Something to know about a result, such as what it was trusted on. */
  notice(text: string): void;
  /** A finished log line to stderr. See {@link HeldLines}. */
  logLine(line: string, lostLine: LostLine): void;
  /** An error, once, at the end. */
  failure(error: unknown): void;
  /** Replaces the line being drawn on stderr; "" takes it away. Only when `isWatched`. */
  progressLine(text: string): void;
  /** Resolves when stderr is out, or nobody took it for a second. */
  end(): Promise<void>;
}

/** @param streams - where results and everything else go; the program's own stdout and stderr in `main.ts`. */
export function openOutput(
  streams: { readonly stdout: TextStream; readonly stderr: TextStream },
  { isJson }: { readonly isJson: boolean },
): Output {
  const { stdout, stderr } = streams;
  const isWatched = stderr.isTTY === true && !isJson;
  const lines = new HeldLines(stderr);
  let isLineDrawn = false; // owned by progressLine()

  async function write(chunk: string | Uint8Array): Promise<void> {
    if (!stdout.write(chunk)) await once(stdout, "drain");
  }

  /** A log chooses some of this text: it must not command the terminal. */
  function shown(text: string, json: object): string {
    return `${printable(isJson ? JSON.stringify(json) : text)}\n`;
  }

  function progressLine(text: string): void {
    if (!isWatched || (text === "" && !isLineDrawn)) return;
    stderr.write(`\r${text}\x1b[K`); // erase to the end of the line
    isLineDrawn = text !== "";
  }

  function aside(text: string, json: object): void {
    progressLine("");
    lines.say(shown(text, json));
  }

  return {
    isJson,
    isWatched,
    isTerminal: stderr.isTTY === true,
    columns: stdout.isTTY === true ? stdout.columns : undefined,
    result({ text, json }) {
      progressLine("");
      return write(shown(text, json));
    },
    bytes: write,
    notice: (text) => aside(`note: ${text}`, { notice: text }),
    failure: (error) => aside(failureText(error), failureJson(error)),
    logLine(line, lostLine) {
      progressLine("");
      lines.write(line, lostLine);
    },
    progressLine,
    end: () => lines.end(),
  };
}

function failureText(error: unknown): string {
  if (error instanceof TlogError) return `error: ${error.message} [${error.code}]`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug in bristlecone, please report it\n${detail}`;
}

function failureJson(error: unknown): object {
  const exitCode = exitCodeOf(error);
  if (error instanceof LogForkedError) {
    const { code, message, heads, evidence } = error;
    return { error: { code, message, exitCode, heads: headsJson(heads), evidence } };
  }
  if (error instanceof TlogError) return { error: { code: error.code, message: error.message, exitCode } };
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: "BUG", message, exitCode } };
}

/** What the evidence is made of: notes as the text they are, hashes in base64. */
function headsJson({ origin, remembered, shown, proof }: ForkedHeads): object {
  const notes = { remembered: decodeUtf8(remembered), shown: decodeUtf8(shown) };
  return { origin, ...notes, proof: proof.map(encodeBase64) };
}
