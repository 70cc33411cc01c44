/** What `fsck` says at its end. */
import { TlogError } from "../errors.ts";
import type { CheckReport } from "../fsck/check-log.ts";
import type { Cause, Finding, Remedy } from "../fsck/finding.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import type { FsckSubject } from "./fsck-subject.ts";
import { grouped, humanBytes } from "./progress.ts";

export interface FsckRun {
  readonly elapsedMs: number;
  readonly processes: number;
  /** Checked in this run. */
  readonly entries: number;
}

export function fsckReport(
  subject: FsckSubject,
  report: CheckReport,
  run: FsckRun,
): { readonly text: string; readonly json: object } {
  return { text: textOf(subject, report, run), json: jsonOf(subject, report, run) };
}

/** @throws {TlogError} DAMAGE_FOUND */
export function fsckVerdict(where: string, { findings, more }: CheckReport): void {
  const count = findings.length + more;
  if (count === 0) return;
  const [first] = findings;
  const what = count === 1 ? "1 thing is" : `${grouped(count)} things are`;
  throw new TlogError(
    "DAMAGE_FOUND",
    `${where}: ${what} not as it should be, first ${first?.where ?? "more than are listed"}`,
  );
}

function textOf({ where, target, trustWords }: FsckSubject, report: CheckReport, run: FsckRun): string {
  const { findings, more, origin, treeSize, rootHash, heads, entryBytes, runs, notes } = report;
  const isSound = findings.length + more === 0;
  const rate =
    run.elapsedMs > 0 ? `, ${grouped(Math.round((run.entries * 1000) / run.elapsedMs))} entries/s` : "";
  const kinds = { store: "data directory", folder: "static directory", url: "log" };
  return [
    `${isSound ? "SOUND    " : "DAMAGED  "}the ${kinds[target.kind]} ${where}`,
    ...(origin === undefined ? [] : [`origin     ${origin}`]),
    `tree       ${grouped(treeSize)} entries, ${humanBytes(entryBytes)}`,
    ...(rootHash === undefined ? [] : [`root hash  ${encodeBase64(rootHash)}, hashed from the entries`]),
    ...heads.map(({ name, treeSize: size }) => `compared   with ${name}, of size ${grouped(size)}`),
    `signatures ${trustWords === undefined ? "not checked: give --vkey or --policy" : `checked, trusting ${trustWords}`}`,
    ...(target.kind === "store"
      ? [`also       rows, inner nodes, ${runs} ${runs === 1 ? "run" : "runs"} of the leaf index`]
      : []),
    `took       ${(run.elapsedMs / 1000).toFixed(1)} s in ${run.processes} ${run.processes === 1 ? "process" : "processes"}${rate}`,
    ...notes.map((note) => `note       ${note}`),
    ...findings.flatMap(findingLines),
    ...(more === 0 ? [] : ["", `and ${grouped(more)} more`]),
  ].join("\n");
}

function findingLines({ where, detail, cause, remedy }: Finding): readonly string[] {
  return ["", where, `  ${detail}`, `  ${CAUSES[cause]}; ${REMEDIES[remedy]}`];
}

const CAUSES: { readonly [C in Cause]: string } = {
  corruption: "looks like corruption: a disk, memory or program changed these bytes",
  tampering: "looks like tampering: bits that change by themselves do not agree with each other",
  unknown: "corruption or tampering",
};

const REMEDIES: { readonly [R in Remedy]: string } = {
  derive: "it is made anew from what is intact",
  copy: "only a copy has it: a mirror, an export, or a backup once it is exported",
  unknown: "whether it can be made anew is not known",
};

function jsonOf({ where, target, trustWords }: FsckSubject, report: CheckReport, run: FsckRun): object {
  const { findings, more, rootHash, heads, ...rest } = report;
  return {
    sound: findings.length + more === 0,
    where,
    kind: target.kind,
    ...rest,
    rootHash: rootHash && encodeBase64(rootHash),
    heads: heads.map(({ name, treeSize, rootHash: root }) => ({
      name,
      treeSize,
      rootHash: encodeBase64(root),
    })),
    signaturesChecked: trustWords !== undefined,
    elapsedMs: Math.round(run.elapsedMs),
    processes: run.processes,
    findings,
    more,
  };
}
