import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, inject, it } from "vitest";
import { expectCodeAsync } from "../../expect-code.ts";
import { filesIn, grow, openIndex, RUN_LEAVES, randomHashes, TileYard, wrongAnswers } from "./yard.ts";

it("merges runs only where that leaves free what the log wants free", async () => {
  for (const [floorBytes, runs] of [
    [2 ** 60, [1, 2, 3, 4].map((run) => `${(run - 1) * RUN_LEAVES}-${run * RUN_LEAVES}.run`)],
    [0, [`0-${4 * RUN_LEAVES}.run`]],
  ] as const) {
    const yard = new TileYard();
    const directory = join(mkdtempSync(join(inject("scratch"), "leaf-floor-")), "leaves");
    const told: unknown[] = [];
    const index = await openIndex(yard, directory, {
      floorBytes,
      onMergeFailed: (error) => told.push(error),
    });
    await grow(yard, index, randomHashes(4 * RUN_LEAVES), RUN_LEAVES);
    await expect.poll(() => filesIn(directory).toSorted()).toEqual(runs);
    await expect.poll(() => told.length).toBe(floorBytes === 0 ? 0 : 1);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  }
});

describe("a leaf index on a disk with little room", () => {
  let mounted: string | undefined;
  afterEach(() => {
    if (mounted === undefined) return;
    execFileSync("umount", [mounted]);
    rmSync(mounted, { recursive: true });
    mounted = undefined;
  });

  it("merges nothing, and refuses more leaves only when too many runs wait for that", async (context) => {
    const disk = mkdtempSync(join(tmpdir(), "leaf-room-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], { stdio: "pipe" });
    } catch (error) {
      console.warn(`skipped: the test of a small disk needs to mount a tmpfs (${String(error)})`);
      return context.skip("cannot mount");
    }
    mounted = disk;
    const yard = new TileYard();
    const directory = join(disk, "leaves");
    const told: unknown[] = [];
    const index = await openIndex(yard, directory, { onMergeFailed: (error) => told.push(error) });
    await expectCodeAsync(grow(yard, index, randomHashes(40 * RUN_LEAVES), RUN_LEAVES), "STORE_FULL");
    expect(wrongAnswers(yard, index)).toEqual([]);
    expect(filesIn(directory).filter((name) => name.startsWith("0-"))).toEqual([`0-${RUN_LEAVES}.run`]);
    await index.close();
    expect(told[0]).toMatchObject({ code: "STORE_FULL" });
  });
});
