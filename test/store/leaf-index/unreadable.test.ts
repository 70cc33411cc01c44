/** Sectors that cannot be read. A process's memory is a file that answers EIO where nothing is mapped, as at its beginning. */
import { existsSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeDirectory } from "../../../src/node/make-directory.ts";
import { runOfRuns } from "../../../src/store/leaf-index/make-run.ts";
import { Run } from "../../../src/store/leaf-index/run.ts";
import { layoutOf } from "../../../src/store/leaf-index/run-format.ts";
import { expectCode, expectCodeAsync } from "../../expect-code.ts";
import { filesIn, newDirectory, RUN_LEAVES, randomHashes, STORE_ID, TileYard } from "./yard.ts";

const MEMORY = "/proc/self/mem";

function unreadableRun(from: number): Run {
  const { pages, filterBytes } = layoutOf(RUN_LEAVES);
  const parts = {
    records: RUN_LEAVES,
    fences: new Uint8Array(8 * pages),
    filter: new Uint8Array(filterBytes),
  };
  return new Run(MEMORY, openSync(MEMORY, "r"), { from, to: from + RUN_LEAVES }, parts);
}

describe.skipIf(!existsSync(MEMORY))("a run with a page that the disk cannot read", () => {
  it("is damaged for who looks a leaf up: so it is made anew from the tiles", () => {
    const run = unreadableRun(0);
    expectCode(() => run.find(1, 2, new Uint8Array(32), 0, () => true), "STORE_DAMAGED");
    expect(run.isDamaged).toBe(true);
    run.close();
  });

  it("is damaged for who merges it, and leaves nothing behind", async () => {
    const yard = new TileYard();
    yard.add(randomHashes(4 * RUN_LEAVES));
    const directory = newDirectory();
    await makeDirectory(directory, { mode: 0o700 });
    const runs = [0, 1, 2, 3].map((at) => unreadableRun(at * RUN_LEAVES));
    const source = { directory, storeId: STORE_ID, readHashes: yard.readHashes };
    await expectCodeAsync(runOfRuns(source, runs, new AbortController().signal), "STORE_DAMAGED");
    expect(runs.map((run) => run.isDamaged)).toContain(true);
    expect(filesIn(directory)).toEqual([]);
    for (const run of runs) run.close();
  });
});
