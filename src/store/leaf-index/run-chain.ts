/** Which runs of a directory count: the widest at each position, as far as they are of this log. There is no list of them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { TlogError } from "../../errors.ts";
import { hasErrorCode } from "../../node/errno.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import { MERGE_WIDTH } from "./merge-runs.ts";
import { openRun, type Run } from "./run.ts";
import { fileError, isTemporaryName, type LeafRange, parseRunName, runPath } from "./run-file.ts";
import { subtreeRoot } from "./subtree-root.ts";

/** How often merging may widen a run: 4^4 times the leaves of a first one. */
export const MAX_WIDENINGS = 4;

export interface ChainOptions
  extends Pick<LeafIndexOptions, "directory" | "storeId" | "treeSize" | "readHashes"> {
  /** Leaves of a run that was never merged. */
  readonly runLeaves: number;
}

export interface Chain {
  /** In the order of their leaves. */
  readonly runs: readonly Run[];
  /** Leaves between two of the runs that none of them has: `runLeaves` each. */
  readonly gaps: readonly LeafRange[];
  /** Paths of files that count no more. */
  readonly leftovers: readonly string[];
}

/**
 * Opens the runs of leaves [0, treeSize). One that is damaged, of another store or another tree counts as missing.
 * @param held - runs that are open already, by path: taken as they are.
 * @throws {TlogError} STORE_DAMAGED: the tiles are | STORE_FAILED
 */
export function openChain(options: ChainOptions, held: ReadonlyMap<string, Run>): Chain {
  const { directory, treeSize, runLeaves } = options;
  const names = namesIn(directory);
  const there = new Set(names);
  const runs: Run[] = [];
  const missing: LeafRange[] = [];
  try {
    for (let from = 0; from + runLeaves <= treeSize; ) {
      const run = widestRun(options, from, there, held);
      if (run === undefined) missing.push({ from, to: from + runLeaves });
      else runs.push(run);
      from = run?.to ?? from + runLeaves;
    }
  } catch (error) {
    for (const run of runs) if (held.get(run.path) !== run) run.close();
    throw error;
  }
  const end = runs.at(-1)?.to ?? 0;
  const used = new Set(runs.map(({ path }) => path));
  return {
    runs,
    gaps: missing.filter(({ to }) => to <= end),
    leftovers: names
      .filter((name) => isTemporaryName(name) || parseRunName(name) !== undefined)
      .map((name) => join(directory, name))
      .filter((path) => !used.has(path)),
  };
}

function widestRun(
  options: ChainOptions,
  from: number,
  there: ReadonlySet<string>,
  held: ReadonlyMap<string, Run>,
): Run | undefined {
  const { directory, treeSize, runLeaves } = options;
  for (let widenings = MAX_WIDENINGS; widenings >= 0; widenings--) {
    const width = runLeaves * MERGE_WIDTH ** widenings;
    const range = { from, to: from + width };
    if (from % width !== 0 || range.to > treeSize) continue;
    const path = runPath(directory, range);
    if (!there.has(`${from}-${range.to}.run`)) continue;
    const run = held.get(path) ?? usableRun(path, options, range);
    if (run !== undefined) return run;
  }
  return undefined;
}

function usableRun(path: string, { storeId, readHashes }: ChainOptions, range: LeafRange): Run | undefined {
  const identity = { ...range, storeId, rootHash: subtreeRoot(readHashes, range) };
  try {
    return openRun(path, identity);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    // Gone: a writer beside this reader has merged it meanwhile.
    if (error.code === "STORE_DAMAGED" || hasErrorCode(error.cause, "ENOENT")) return undefined;
    throw error;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw fileError(directory, error);
  }
}
