/** Which of other people's programs a run of the tests ran, and which it did without: noted by the tests in a file, told at the end. */
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import type { Reporter } from "vitest/node";

/** Where a run keeps its notes: set for the tests by vitest.config.ts, absent elsewhere. */
export const RECORD_VARIABLE = "BRISTLECONE_INTEROP_RECORD";

/** What tests ask for beside other people's programs: they come with a machine, and count as none. */
export const COMMANDS: ReadonlySet<string> = new Set([
  "go",
  "cargo",
  "python3",
  "ssh-keygen",
  "ssh-agent",
  "ssh-add",
]);

export type RecordedNote =
  | { readonly ran: string; readonly version: string }
  /** Tests that need all of `asked`, and skip when some are missing. */
  | { readonly asked: readonly string[]; readonly missing: readonly string[] };

export function record(note: RecordedNote): void {
  const file = process.env[RECORD_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(note)}\n`);
}

/** Prints the summary of the notes in the file when a run is over, and begins each run without any. */
export function programSummary(file: string): Reporter {
  return {
    onTestRunStart() {
      rmSync(file, { force: true });
    },
    onTestRunEnd() {
      const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
      rmSync(file, { force: true });
      process.stdout.write(`${summaryOf(lines.map((line): RecordedNote => JSON.parse(line)))}\n`);
    },
  };
}

/** "programs: 2 ran, 1 skipped", then the names with versions, and with reasons. */
export function summaryOf(notes: readonly RecordedNote[]): string {
  const ran = new Map<string, string>();
  const skipped = new Map<string, string>();
  for (const note of notes) {
    if ("ran" in note) ran.set(note.ran, note.version);
  }
  for (const note of notes) {
    if ("ran" in note) continue;
    for (const name of note.asked.filter((asked) => !COMMANDS.has(asked) && !ran.has(asked))) {
      const others = note.missing.filter((missing) => missing !== name);
      const reason = note.missing.includes(name) ? "not installed" : `needs ${others.join(", ")}`;
      if (note.missing.length > 0) skipped.set(name, reason);
      else if (!skipped.has(name)) skipped.set(name, "there, not run");
    }
  }
  const sorted = (
    names: ReadonlyMap<string, string>,
    format: (name: string, text: string) => string,
  ): string =>
    [...names]
      .map(([name, text]) => format(name, text))
      .sort()
      .join(", ");
  return [
    `programs: ${ran.size} ran, ${skipped.size} skipped`,
    ...(ran.size > 0 ? [`  ran: ${sorted(ran, (name, version) => `${name} ${version}`)}`] : []),
    ...(skipped.size > 0 ? [`  skipped: ${sorted(skipped, (name, reason) => `${name} (${reason})`)}`] : []),
  ].join("\n");
}
