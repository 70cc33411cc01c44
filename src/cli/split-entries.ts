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

const NEWLINE = 0x0a;

/**
 * Cuts bytes into entries without changing one of them; the newlines between entries belong to none.
 *
 *   lines       "a\n\nb\r\nc"            → "a" "" "b\r" "c"      every line, also an empty one
 *   paragraphs  "a\nb\n\n\nc\n \nd\n"    → "a\nb" "c\n \nd"      runs of lines that are not empty
 *
 * A line ends at 0x0a and nowhere else; a last line without one counts. Never holds more than one entry and one chunk.
 * @param source - what to call the stream in an error.
 */
export function openSplitter(rule: SplitRule, source: string): Splitter {
  // All owned by scan(). `carry` starts where the open entry starts.
  let carry: Uint8Array = new Uint8Array(0);
  let carryLine = 1;

  function scan(bytes: Uint8Array, isEnd: boolean): readonly SplitEntry[] {
    const cut = rule === "lines" ? cutLines : cutParagraphs;
    const { entries, rest, restLine } = cut(bytes, carryLine, isEnd);
    for (const { entry, line } of entries) assertFits(entry.length, line);
    // A newline may still follow, which would belong to no entry.
    assertFits(rest.length - (rest.at(-1) === NEWLINE ? 1 : 0), restLine);
    carry = rest;
    carryLine = restLine;
    return entries;
  }

  function assertFits(length: number, line: number): void {
    if (length <= MAX_ENTRY_BYTES) return;
    const where = `${source}, the ${rule === "lines" ? "line" : "paragraph from line"} ${line}`;
    throw new TlogError("ENTRY_TOO_LARGE", `${where}: want at most ${MAX_ENTRY_BYTES} bytes, got more`);
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

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}
