/** Checks the runs of a store's leaf index, one by one. */
import type { LeafRange } from "../store/leaf-index/run-file.ts";
import type { Ask } from "./ask.ts";
import type { FindingList, Found } from "./finding.ts";

/** Last leaves that may have no run beside a writer: they are in its memory. */
const MAX_BEHIND = 2 ** 21;

export interface LeafIndexOptions {
  readonly ask: Ask;
  readonly storeId: string;
  readonly treeSize: number;
  readonly assumedSize: number | undefined;
  /** Runs that were checked, by name, and what was found in them: those that are there are not checked again. */
  readonly runs: Map<string, Found>;
  readonly found: FindingList;
  readonly notes: string[];
}

/** @returns a check of each run. */
export async function leafIndexChecks(options: LeafIndexOptions): Promise<readonly (() => Promise<void>)[]> {
  const { ask, storeId, treeSize, assumedSize, runs, found, notes } = options;
  const there = await ask({ kind: "runs", treeSize }, "leaf-index");
  if (there === undefined) return [];
  for (const range of there.beyond) {
    found.add({
      kind: "store",
      where: `leaf-index/${nameOf(range)}`,
      detail: `it is of ${range.to} leaves, and the tree has ${treeSize}: this directory knew a larger tree`,
      cause: "unknown",
      remedy: "copy",
    });
  }
  for (const name of there.foreign) notes.push(`leaf-index/${name} is no run: nothing reads it`);
  for (const { from, to } of gapsIn(there.runs, treeSize)) {
    notes.push(
      `the leaf index has no run of leaves ${from} to ${to - 1}: the next start makes it, about a microsecond a leaf`,
    );
  }
  return there.runs
    .filter((range) => !runs.has(nameOf(range)))
    .map((range) => async () => {
      const job = { kind: "run", range, storeId, assumedSize } as const;
      const answer = await ask(job, `leaf-index/${nameOf(range)}`, range.from);
      if (answer !== undefined) runs.set(nameOf(range), answer.found);
    });
}

/** @param runs - in the order of their first leaves. */
function gapsIn(runs: readonly LeafRange[], treeSize: number): readonly LeafRange[] {
  const gaps: LeafRange[] = [];
  let end = 0;
  for (const { from, to } of runs) {
    if (from > end) gaps.push({ from: end, to: from });
    end = Math.max(end, to);
  }
  return treeSize - end > MAX_BEHIND ? [...gaps, { from: end, to: treeSize }] : gaps;
}

function nameOf({ from, to }: LeafRange): string {
  return `${from}-${to}.run`;
}
