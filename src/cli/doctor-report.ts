/** What a doctor says at the end. */
import { type CheckResult, countVerdicts, type Verdict } from "../doctor/check.ts";
import { TlogError } from "../errors.ts";
import { packageVersion } from "../node/package-version.ts";
import { flagName } from "../settings.ts";
import { printableLine } from "../telemetry/printable.ts";
import type { SettingSight } from "./doctor-settings.ts";
import type { Output } from "./output.ts";

const WORDS: { readonly [V in Verdict]: string } = Object.freeze({
  ok: "ok",
  warn: "warn",
  fail: "FAIL",
  unknown: "unknown",
  skipped: "skipped",
});
const VERDICT_WIDTH = 9;
const CHECK_WIDTH = 18;
const INDENT = " ".repeat(VERDICT_WIDTH + CHECK_WIDTH);
const DEFAULT_COLUMNS = 120;
const MIN_COLUMNS = 72;
const MAX_COLUMNS = 160;

/** A table for people; with --json a line for each check, then a summary with the settings. */
export async function doctorReport(
  output: Output,
  results: readonly CheckResult[],
  settings: readonly SettingSight[],
): Promise<void> {
  const counts = countVerdicts(results);
  if (output.isJson) {
    for (const json of results) await output.result({ text: "", json });
    const summary = {
      program: `bristlecone ${packageVersion()}`,
      checks: results.length,
      ...counts,
      settings,
    };
    return await output.result({ text: "", json: { summary } });
  }
  const columns = Math.min(Math.max(output.columns ?? DEFAULT_COLUMNS, MIN_COLUMNS), MAX_COLUMNS) - 1;
  const text = [
    ...settingLines(settings),
    ...results.flatMap((result) => resultLines(result, columns)),
    "",
    countsText(results),
  ].join("\n");
  await output.result({ text, json: {} });
}

/** @throws {TlogError} CHECKUP_FAILED | INCOMPLETE */
export function throwDoctorVerdict(results: readonly CheckResult[]): void {
  const failed = results.filter(({ verdict }) => verdict === "fail");
  if (failed.length > 0) throw new TlogError("CHECKUP_FAILED", `not as it should be: ${namesOf(failed)}`);
  const open = results.filter(({ verdict }) => verdict === "unknown");
  if (open.length > 0) throw new TlogError("INCOMPLETE", `could not be looked at: ${namesOf(open)}`);
}

function namesOf(results: readonly CheckResult[]): string {
  return [...new Set(results.map(({ check }) => check))].join(", ");
}

function countsText(results: readonly CheckResult[]): string {
  const counts = countVerdicts(results);
  const verdicts = ["ok", "warn", "fail", "unknown", "skipped"] as const;
  const shown = verdicts.filter((verdict) => verdict === "ok" || counts[verdict] > 0);
  return `${results.length} checks: ${shown.map((verdict) => `${counts[verdict]} ${WORDS[verdict]}`).join(", ")}`;
}

/** Only what somebody set: the defaults stand in the help, and in --json. */
function settingLines(settings: readonly SettingSight[]): readonly string[] {
  const set = settings.flatMap(({ name, value, source }) =>
    source === undefined ? [] : [{ name, value, source }],
  );
  if (set.length === 0) return [];
  const lines = set.map(({ name, value, source }) => {
    const said = `${flagName(name)} ${value}`.trim();
    return printableLine(`  ${said}${source === flagName(name) ? "" : `  (${source})`}`);
  });
  return ["Settings that are not the default:", ...lines, ""];
}

function resultLines({ verdict, check, of, saw, advice }: CheckResult, columns: number): readonly string[] {
  const width = columns - INDENT.length;
  // Many messages begin with the path that they are about.
  const seen = wrapped(of === undefined || saw.startsWith(`${of}`) ? saw : `${of}: ${saw}`, width);
  const wanted =
    advice === undefined ? [] : advice.split("\n").flatMap((line) => wrapped(line, width - ARROW.length));
  const head = `${WORDS[verdict].padEnd(VERDICT_WIDTH)}${check.padEnd(CHECK_WIDTH)}`;
  return [
    ...seen.map((line, at) => (at === 0 ? head : INDENT) + line),
    ...wanted.map((line, at) => INDENT + (at === 0 ? ARROW : " ".repeat(ARROW.length)) + line),
  ];
}

const ARROW = "-> ";

/** Breaks between words; a longer one, such as a key, stays whole to be copied. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of printableLine(text).split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
