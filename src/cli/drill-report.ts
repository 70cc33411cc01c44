/** What a drill says at the end: to the person who runs it, and as a report to file away. */
import type { RehearsalResult } from "../drill/rehearsal.ts";
import type { DrillReport } from "../drill/run.ts";
import { TlogError } from "../errors.ts";
import { packageVersion } from "../node/package-version.ts";
import { grouped, humanBytes } from "./progress.ts";

const WORDS = { passed: "passed", failed: "FAILED", skipped: "skipped" } as const;

/** For a terminal. @param path - where the report was written. */
export function drillText(report: DrillReport, path: string | undefined): string {
  return [
    `rehearsed on copies of ${report.origin}: ${grouped(report.treeSize)} entries, ${humanBytes(report.bytes)}`,
    ...noteLines(report),
    ...report.results.flatMap(resultLines),
    "",
    `${countsText(report)} in ${report.seconds.toFixed(1)} s; the log itself, its key and its guard were not touched`,
    ...(path === undefined ? [] : [`report in ${path}`]),
  ].join("\n");
}

/** One rehearsal as JSON. */
export function resultJson(result: RehearsalResult): object {
  return { ...result };
}

/** @throws {TlogError} CHECKUP_FAILED */
export function throwDrillVerdict({ results }: DrillReport): void {
  const failed = results.filter(({ verdict }) => verdict === "failed").map(({ name }) => name);
  if (failed.length > 0) throw new TlogError("CHECKUP_FAILED", `not as it must be: ${failed.join(", ")}`);
}

function countsText({ results }: DrillReport): string {
  const count = (verdict: RehearsalResult["verdict"]) =>
    results.filter((result) => result.verdict === verdict).length;
  const others = (["failed", "skipped"] as const).filter((verdict) => count(verdict) > 0);
  return [
    `${count("passed")} of ${results.length} passed`,
    ...others.map((one) => `${count(one)} ${one}`),
  ].join(", ");
}

/** What a copy is not. */
function noteLines({ isFrozen, keyChanges }: DrillReport): readonly string[] {
  return [
    ...(isFrozen ? ["note: this log ended; its copies go on, or there would be nothing to rehearse"] : []),
    ...(keyChanges > 0
      ? [`note: the log changed its keys ${keyChanges} times; copies begin with one key`]
      : []),
  ];
}

function resultLines(result: RehearsalResult): readonly string[] {
  const { name, verdict, steps, figures, reason, advice, seconds } = result;
  const unseen = steps.at(-1)?.isAsExpected !== false && reason !== undefined;
  return [
    "",
    `${name.padEnd(14)}${WORDS[verdict]}  (${seconds.toFixed(1)} s)`,
    ...steps.flatMap(({ did, expected, saw, isAsExpected }) => [
      `  ${isAsExpected ? "ok  " : "NOT "} ${did}`,
      ...(isAsExpected ? [] : [`       wanted: ${expected}`]),
      `       ${saw}`,
    ]),
    ...(unseen ? [`  ${verdict === "skipped" ? "--  " : "NOT "} ${reason}`] : []),
    ...figures.map(({ means }) => `  =    ${means}`),
    ...(advice === undefined ? [] : [`  ->   ${advice}`]),
  ];
}

/** To file away: Markdown. */
export function formatDrillReport(report: DrillReport): string {
  const { origin, treeSize, bytes, startedAt, drillOrigin, drillVkey, seconds, results } = report;
  const lines = [
    `# Drill of ${inline(origin)}`,
    "",
    `- begun: ${startedAt}, took ${seconds.toFixed(1)} s`,
    `- on copies of: ${grouped(treeSize)} entries, ${humanBytes(bytes)}`,
    `- with: bristlecone ${packageVersion()}, Node.js ${process.version}, ${process.platform} ${process.arch}`,
    `- signed as: ${inline(drillOrigin)}, with a key of the drill's own: \`${drillVkey}\``,
    `- outcome: ${countsText(report)}`,
    ...noteLines(report).map((line) => `- ${line}`),
    "",
    "The log itself was only read; its key and its guard were not opened.",
    "",
    "| rehearsal | verdict | seconds | figures |",
    "|---|---|---|---|",
    ...results.map(
      ({ name, verdict, seconds: took, figures }) =>
        `| ${name} | ${WORDS[verdict]} | ${took.toFixed(1)} | ${cell(figures.map(({ means }) => means).join("; "))} |`,
    ),
    ...results.flatMap(section),
  ];
  return `${lines.join("\n")}\n`;
}

function section({ name, title, verdict, steps, reason, advice }: RehearsalResult): readonly string[] {
  return [
    "",
    `## ${name}: ${WORDS[verdict]}`,
    "",
    `What was rehearsed: ${title}.`,
    "",
    ...(steps.length === 0
      ? []
      : [
          "| | what was done | what was expected | what was seen | seconds |",
          "|---|---|---|---|---|",
          ...steps.map(
            (step) =>
              `| ${step.isAsExpected ? "ok" : "**NOT**"} | ${cell(step.did)} | ${cell(step.expected)} | ${cell(step.saw)} | ${step.seconds.toFixed(2)} |`,
          ),
        ]),
    ...(reason === undefined ? [] : ["", `Why: ${inline(reason)}`]),
    ...(advice === undefined ? [] : ["", `What to do: ${advice}.`]),
  ];
}

/** A log chose some of this text. */
function inline(text: string): string {
  return text.replace(/[\p{Cc}]+/gu, " ").replace(/[\\`*_<>[\]|#]/g, "\\$&");
}

function cell(text: string): string {
  return inline(text);
}
