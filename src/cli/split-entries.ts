import { TlogError } from "../errors.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";

/** How a stream of bytes is cut into entries. */
export type SplitRule = "lines" | "paragraphs";

/** One entry cut from a stream. */
export interface SplitEntry {
  readonly entry: Uint8Array;
  /** Number of the entry's first line in its stream, from 1. */
  readonly line: number;
}

export interface Splitter {
  /** @param chunk - the next bytes, not kept. @returns the entries they complete. @throws {TlogError} ENTRY_TOO_LARGE */
  push(chunk: Uint8Array): readonly SplitEntry[];
  /** @returns the last entry, when the stream does not end where one ends. */
  end(): readonly SplitEntry[];
}

/** Where an entry above 65,535 bytes stands, for messages. */
export type TooLarge = (place: string) => void;

const NEWLINE = 0x0a;
const FILLER = 0x2e;

/**
 * Cuts bytes into entries without changing one of them; the newlines between entries belong to none.
 *
 *   lines       "a\n\nb\r\nc"            → "a" "" "b\r" "c"      every line, also an empty one
 *   paragraphs  "a\nb\n\n\nc\n \nd\n"    → "a\nb" "c\n \nd"      runs of lines that are not empty
 *
 * A line ends at 0x0a and nowhere else; a last line without one counts. Never holds more than one entry and one chunk.
 * @param source - what to call the stream in an error.
 * @param onTooLarge - called for an entry above 65,535 bytes, which is then left out; when undefined it is an error.
 */
export function openSplitter(rule: SplitRule, source: string, onTooLarge?: TooLarge): Splitter {
  // All owned by scan(). `carry` starts where the open entry starts.
  let carry: Uint8Array = new Uint8Array(0);
  let carryLine = 1;
  let droppedLines = 0; // newlines that shortened() took out of the open entry

  function scan(bytes: Uint8Array, isEnd: boolean): readonly SplitEntry[] {
    const cut = rule === "lines" ? cutLines : cutParagraphs;
    const { entries, rest, restLine } = cut(bytes, carryLine, isEnd);
    const isOpenEntryDone = restLine !== carryLine;
    const found = entries.map(({ entry, line }) => ({
      entry,
      line: line === carryLine ? line : line + droppedLines,
    }));
    carryLine = isOpenEntryDone ? restLine + droppedLines : restLine;
    if (isOpenEntryDone) droppedLines = 0;
    carry = isTooLarge(rest) ? shortened(rest) : rest;
    return found.filter(fits);
  }

  /** The last newline may turn out to belong to no entry. */
  function isTooLarge(rest: Uint8Array): boolean {
    return rest.length - (rest.at(-1) === NEWLINE ? 1 : 0) > MAX_ENTRY_BYTES;
  }

  /** An open entry that is too large already, cut down to what still shows that, and how its last line stands. */
  function shortened(rest: Uint8Array): Uint8Array {
    if (onTooLarge === undefined) throw tooLarge(carryLine);
    const kept = rest.slice(0, MAX_ENTRY_BYTES + 2);
    kept.fill(rest.at(-1) ?? 0, MAX_ENTRY_BYTES + 1);
    kept.fill(FILLER, MAX_ENTRY_BYTES, MAX_ENTRY_BYTES + 1); // so that no empty line comes about
    droppedLines += countLines(rest) - countLines(kept);
    return kept;
  }

  function fits({ entry, line }: SplitEntry): boolean {
    if (entry.length <= MAX_ENTRY_BYTES) return true;
    if (onTooLarge === undefined) throw tooLarge(line);
    onTooLarge(placeAt(line));
    return false;
  }

  function placeAt(line: number): string {
    return `${source}, ${rule === "lines" ? "line" : "the paragraph from line"} ${line}`;
  }

  function tooLarge(line: number): TlogError {
    const message = `${placeAt(line)}: want at most ${MAX_ENTRY_BYTES} bytes, got more; --skip-large leaves it out`;
    return new TlogError("ENTRY_TOO_LARGE", message);
  }

  return {
    push: (chunk) => scan(joined(carry, chunk), false),
    end: () => scan(carry, true),
  };
}

/** What a scan found: the entries that are complete, and the bytes from the start of the open one. */
interface Cut {
  readonly entries: SplitEntry[];
  readonly rest: Uint8Array;
  readonly restLine: number;
}

function cutLines(bytes: Uint8Array, firstLine: number, isEnd: boolean): Cut {
  const entries: SplitEntry[] = [];
  let line = firstLine;
  let start = 0;
  for (let newline = bytes.indexOf(NEWLINE); newline !== -1; newline = bytes.indexOf(NEWLINE, start)) {
    entries.push({ entry: bytes.slice(start, newline), line });
    line += 1;
    start = newline + 1;
  }
  if (isEnd && start < bytes.length) {
    entries.push({ entry: bytes.slice(start), line });
    start = bytes.length;
  }
  return { entries, rest: bytes.subarray(start), restLine: line };
}

function cutParagraphs(bytes: Uint8Array, firstLine: number, isEnd: boolean): Cut {
  const entries: SplitEntry[] = [];
  let line = firstLine;
  let start = 0; // of the open paragraph
  let startLine = firstLine;
  let lineStart = 0;
  for (let newline = bytes.indexOf(NEWLINE); newline !== -1; newline = bytes.indexOf(NEWLINE, lineStart)) {
    line += 1;
    if (newline === lineStart) {
      if (start < lineStart) entries.push({ entry: bytes.slice(start, lineStart - 1), line: startLine });
      start = newline + 1;
      startLine = line;
    }
    lineStart = newline + 1;
  }
  if (isEnd && start < bytes.length) {
    const end = lineStart === bytes.length ? bytes.length - 1 : bytes.length;
    entries.push({ entry: bytes.slice(start, end), line: startLine });
    start = bytes.length;
  }
  return { entries, rest: bytes.subarray(start), restLine: startLine };
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}
