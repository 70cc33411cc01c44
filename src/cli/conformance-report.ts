/** What testing a server came to, as a table for people. */
import { type CaseResult, countVerdicts, type Verdict } from "../conformance/result.ts";
import { printableLine } from "../telemetry/printable.ts";

const GAP = "  ";
const VERDICT_WIDTH = 7;
const LEVEL_WIDTH = 8;
/** Where the requirement begins, and what is said below it. */
const INDENT = " ".repeat(VERDICT_WIDTH + LEVEL_WIDTH + 2 * GAP.length);
/** Narrower ones break too many words; where nobody says how wide, as in a pipe, 99 characters. */
const MIN_WIDTH = 72;
const DEFAULT_WIDTH = 99;
const MAX_WIDTH = 160;
/** An answer that needs more lines is cut, and stands whole below its row where somebody needs it. */
const MAX_CELL_LINES = 2;

/** As a reader's eye finds them: what is wrong stands out. */
const VERDICT_WORDS: { readonly [V in Verdict]: string } = Object.freeze({
  pass: "pass",
  fail: "FAIL",
  warn: "WARN",
  open: "open",
  "not-run": "not run",
});

/** How the table is shown. */
export interface TableOptions {
  /** Also says below what passed what is said below the rest. */
  readonly isVerbose: boolean;
  /** Of the terminal; undefined: there is none. */
  readonly columns?: number | undefined;
}

/**
 * The table, narrower than the terminal, under a heading for each section of each document. Below what did not pass stand its name,
 * for --case, and what a reader has to know.
 */
export function reportTable(
  results: readonly CaseResult[],
  { isVerbose, columns = DEFAULT_WIDTH + 1 }: TableOptions,
): string {
  const widths = widthsWithin(Math.min(Math.max(columns - 1, MIN_WIDTH), MAX_WIDTH));
  const sections = [...new Set(results.map(headingOf))];
  const parts = sections.map((section) => {
    const rows = results.filter((result) => headingOf(result) === section);
    return [section, "", ...rows.flatMap((result) => rowLines(result, widths, isVerbose)), ""];
  });
  const head = ["verdict", "level", "requirement", "expected", "got"].map((name) => [name]);
  const names = cellsLine(head, widths);
  return [...names, "", ...parts.flat()].join("\n");
}

/** "93 cases: 80 pass, 2 FAIL, 1 WARN, 6 open, 4 not run". */
export function countsText(results: readonly CaseResult[]): string {
  const counts = countVerdicts(results);
  const verdicts = ["pass", "fail", "warn", "open", "not-run"] as const;
  const shown = verdicts.filter((verdict) => verdict === "pass" || counts[verdict] > 0);
  const words = shown.map((verdict) => `${counts[verdict]} ${VERDICT_WORDS[verdict]}`);
  return `${results.length} ${results.length === 1 ? "case" : "cases"}: ${words.join(", ")}`;
}

function headingOf({ document, section }: CaseResult): string {
  return printableLine(`${document} § ${section}`);
}

interface Widths {
  readonly total: number;
  readonly requirement: number;
  readonly expected: number;
  readonly got: number;
}

/** What verdict and level leave over, in about three equal columns. */
function widthsWithin(total: number): Widths {
  const rest = total - VERDICT_WIDTH - LEVEL_WIDTH - 4 * GAP.length;
  const requirement = Math.round(rest * 0.38);
  const expected = Math.round(rest * 0.29);
  return { total, requirement, expected, got: rest - requirement - expected };
}

function rowLines(result: CaseResult, widths: Widths, isVerbose: boolean): readonly string[] {
  const { verdict, level, requirement, expected, got } = result;
  const isDetailed = isVerbose || verdict !== "pass";
  const below: string[] = [];
  function answerCell(name: "expected" | "got", text: string): readonly string[] {
    const lines = wrapped(text, widths[name]);
    if (lines.length <= MAX_CELL_LINES) return lines;
    if (isDetailed && verdict !== "not-run") below.push(`${name}: ${text}`);
    return cut(lines, widths[name]);
  }
  const cells = [
    [VERDICT_WORDS[verdict]],
    [level],
    wrapped(requirement, widths.requirement),
    answerCell("expected", expected),
    answerCell("got", got),
  ];
  if (isDetailed) below.push(noteOf(result));
  const details = below.flatMap((text) => wrapped(text, widths.total - INDENT.length));
  return [...cellsLine(cells, widths), ...details.map((line) => INDENT + line)];
}

function noteOf({ name, note }: CaseResult): string {
  return note === undefined ? `(${name})` : `(${name}) ${note}`;
}

/** Cells beside each other, as many lines as the longest has. */
function cellsLine(
  cells: readonly (readonly string[])[],
  { requirement, expected, got }: Widths,
): readonly string[] {
  const widths = [VERDICT_WIDTH, LEVEL_WIDTH, requirement, expected, got];
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    cells
      .map((lines, column) => (lines[row] ?? "").padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

function cut(lines: readonly string[], width: number): readonly string[] {
  const last = lines[MAX_CELL_LINES - 1] ?? "";
  return [...lines.slice(0, MAX_CELL_LINES - 1), `${last.slice(0, width - 1)}…`];
}

/** Breaks between words, and in the middle of one that is longer than a line. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of printableLine(text).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    line = longer;
    if (longer.length <= width) continue;
    if (longer !== word) lines.push(longer.slice(0, longer.length - word.length - 1));
    line = word;
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return [...lines, line];
}
