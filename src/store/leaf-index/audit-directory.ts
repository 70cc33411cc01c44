/** Which runs of a directory a check has to look at, and what else is there. */
import { readdirSync } from "node:fs";
import { hasErrorCode } from "../../node/errno.ts";
import { fileError, isTemporaryName, type LeafRange, parseRunName } from "./run-file.ts";

export interface AuditedDirectory {
  /** Of leaves the tree has. */
  readonly runs: readonly LeafRange[];
  /** Of leaves beyond the tree: a writer knew a larger one. */
  readonly beyond: readonly LeafRange[];
  /** Names that are no runs. */
  readonly foreign: readonly string[];
}

/** @returns undefined when there is no directory: it is made at the next opening for writing. @throws {TlogError} STORE_FAILED */
export function findRuns(directory: string, treeSize: number): AuditedDirectory | undefined {
  const names = namesIn(directory);
  if (names === undefined) return undefined;
  const ranges = names
    .flatMap((name) => parseRunName(name) ?? [])
    .sort((a, b) => a.from - b.from || a.to - b.to);
  return {
    runs: ranges.filter(({ from, to }) => to <= treeSize && isSubtree(from, to)),
    beyond: ranges.filter(({ to }) => to > treeSize),
    foreign: names.filter((name) => parseRunName(name) === undefined && !isTemporaryName(name)),
  };
}

/** Wide enough, and where a perfect subtree lies: any other name is none that a writer gives. */
function isSubtree(from: number, to: number): boolean {
  const width = to - from;
  return width >= 256 && Number.isInteger(Math.log2(width)) && from % width === 0;
}

function namesIn(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw fileError(directory, error);
  }
}
