import { expect, it } from "vitest";
import type { Ask } from "../../src/fsck/ask.ts";
import { FindingList } from "../../src/fsck/finding.ts";
import { isAnswerTo } from "../../src/fsck/jobs.ts";
import { leafIndexChecks } from "../../src/fsck/leaf-index-check.ts";

const WIDTH = 2 ** 19;

it("notes leaves that have no run, in the middle and at the end", async () => {
  const runs = [1, 2, 5].map((at) => ({ from: at * WIDTH, to: (at + 1) * WIDTH }));
  const ask: Ask = async (job) => {
    const answer = { kind: "runs" as const, runs, beyond: [], foreign: [] };
    return isAnswerTo(job, answer) ? answer : undefined;
  };
  const common = { ask, storeId: "store", assumedSize: undefined, found: new FindingList(1) };
  const notesAt = async (treeSize: number): Promise<readonly string[]> => {
    const notes: string[] = [];
    const checks = await leafIndexChecks({ ...common, treeSize, runs: new Map(), notes });
    expect(checks).toHaveLength(3);
    return notes.map((note) => /leaves \d+ to \d+/.exec(note)?.[0] ?? note);
  };
  const gaps = [`leaves 0 to ${WIDTH - 1}`, `leaves ${3 * WIDTH} to ${5 * WIDTH - 1}`];
  expect(await notesAt(10 * WIDTH)).toEqual(gaps);
  expect(await notesAt(11 * WIDTH)).toEqual([...gaps, `leaves ${6 * WIDTH} to ${11 * WIDTH - 1}`]);
});
