/**
 * "logs/v0\n", then for each log "vkey <vkey>\n", maybe "origin <origin>\n", "qpd <number>\n", "contact <text>\n"; white space
 * around a line, empty lines and lines that start with "#" do not count.  witness-network.org/log-list-format
 */
import { TlogError } from "../errors.ts";
import { decodeUtf8, encodeUtf8, parseDecimal } from "./encoding.ts";
import { ED25519, parseVerifierKey, type VerifierKey } from "./key.ts";

/** Room for the 40,000 logs of the largest list there is, three times over. */
export const MAX_LOG_LIST_BYTES = 16 * 1024 * 1024;
const MAX_LISTED_LOGS = 100_000;
const MAX_LINE_CHARS = 8192;
/** 2^31 − 1, as the format has it. */
export const MAX_QUERIES_PER_DAY = 2 ** 31 - 1;
const HEADER = "logs/v0";

/** A log that a list asks witnesses to cosign for. */
export interface ListedLog {
  /** Type 0x01: the format allows no other yet. */
  readonly vkey: VerifierKey;
  /** What the log's checkpoints start with: the key's name unless the list says otherwise. */
  readonly origin: string;
  /** How many requests the log may make a day: 1 to 2^31 − 1. */
  readonly queriesPerDay: number;
  /** For people; holds no control character. */
  readonly contact: string;
}

/**
 * Parses a list. One bad line spoils it all: who polls a list keeps what it had. The same origin may stand there more than once,
 * with other keys.
 * @param list - at most 16 MiB; a string stands for its UTF-8 bytes.
 * @throws {TlogError} LOG_LIST_MALFORMED, with the number of the line; also for a key that is not of type 0x01
 */
export function parseLogList(list: Uint8Array | string): readonly ListedLog[] {
  const lines = contentLines(decodeList(list));
  const header = lines.next();
  if (header.done || header.value.text !== HEADER) throw malformed(header.value, `want ${HEADER} first`);
  const logs: ListedLog[] = [];
  for (const line of lines) {
    if (logs.length === MAX_LISTED_LOGS) throw malformed(line, `want at most ${MAX_LISTED_LOGS} logs`);
    logs.push(parseLog(line, lines));
  }
  return logs;
}

interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

type Lines = Generator<Line, undefined, void>;

function parseLog(first: Line, lines: Lines): ListedLog {
  const vkey = parseLogKey(first);
  let line = nextLine(lines, "qpd", first);
  let origin = vkey.name;
  if (line.text.startsWith("origin ")) {
    origin = valueAfter(line, "origin");
    line = nextLine(lines, "qpd", line);
  }
  const queriesPerDay = parseQueriesPerDay(line);
  return { vkey, origin, queriesPerDay, contact: valueAfter(nextLine(lines, "contact", line), "contact") };
}

function parseLogKey(line: Line): VerifierKey {
  const vkey = orMalformed(line, () => parseVerifierKey(valueAfter(line, "vkey")));
  if (vkey.type !== ED25519) throw malformed(line, `want a key of type 1, got ${vkey.type}`);
  return vkey;
}

function parseQueriesPerDay(line: Line): number {
  const text = valueAfter(line, "qpd");
  const queriesPerDay = orMalformed(line, () => parseDecimal(text, { max: MAX_QUERIES_PER_DAY }));
  if (queriesPerDay === 0) throw malformed(line, "qpd: want at least 1, got 0");
  return queriesPerDay;
}

/** What stands after the keyword and one space. */
function valueAfter(line: Line, keyword: string): string {
  const value = line.text.startsWith(`${keyword} `) ? line.text.slice(keyword.length + 1) : "";
  if (/^\S/u.test(value)) return value;
  throw malformed(line, `want the line: ${keyword}, one space and a value`);
}

function nextLine(lines: Lines, keyword: string, last: Line): Line {
  const { value } = lines.next();
  if (value !== undefined) return value;
  throw malformed(last, `the list ends after this line: want ${keyword} next`);
}

/** The lines that count, one at a time: a list may consist of millions of empty ones. */
function* contentLines(text: string): Lines {
  let number = 1;
  for (let start = 0; start < text.length; number++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const line = { number, text: text.slice(start, end).trim() };
    start = end + 1;
    if (line.text === "" || line.text.startsWith("#")) continue;
    if (line.text.length > MAX_LINE_CHARS) throw malformed(line, `want at most ${MAX_LINE_CHARS} characters`);
    // No checkpoint can carry such an origin, and a contact is printed on terminals.
    if (/\p{Cc}/u.test(line.text)) throw malformed(line, "want no control characters");
    yield line;
  }
  return undefined;
}

function decodeList(list: Uint8Array | string): string {
  const where = { number: 1 };
  const bytes = typeof list === "string" ? orMalformed(where, () => encodeUtf8(list)) : list;
  if (bytes.length > MAX_LOG_LIST_BYTES) {
    throw malformed(where, `want at most ${MAX_LOG_LIST_BYTES} bytes, got ${bytes.length}`);
  }
  return orMalformed(where, () => decodeUtf8(bytes));
}

function orMalformed<T>(line: Pick<Line, "number">, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code === "LOG_LIST_MALFORMED") throw cause;
    throw malformed(line, cause.message, cause);
  }
}

function malformed(line: Pick<Line, "number"> | undefined, reason: string, cause?: TlogError): TlogError {
  const message = `line ${line?.number ?? 1}: ${reason}`;
  return new TlogError("LOG_LIST_MALFORMED", message, cause === undefined ? {} : { cause });
}
