import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PAGE_BYTES } from "../../../src/store/leaf-index/run-format.ts";
import { expectCodeAsync } from "../../expect-code.ts";
import {
  filesAre,
  grow,
  newDirectory,
  openIndex,
  RUN_LEAVES,
  randomHashes,
  TileYard,
  wrongPatientAnswers,
} from "./yard.ts";

/** A second goes by at each look at it: no read is one of memory. */
function slowClock(): () => number {
  let ms = 0;
  return () => {
    ms += 1000;
    return ms;
  };
}

describe("a leaf index on a slow disk", () => {
  it("answers right from pages and tiles that it had read beforehand", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const fetched = new Set<number>();
    const fetchTiles = async (leafIndices: readonly number[]): Promise<void> => {
      for (const leafIndex of leafIndices) fetched.add(leafIndex);
    };
    const index = await openIndex(yard, directory, { now: slowClock(), fetchTiles });
    await grow(yard, index, randomHashes(5 * RUN_LEAVES + 77));
    await filesAre(directory, [`0-${4 * RUN_LEAVES}.run`, `${4 * RUN_LEAVES}-${5 * RUN_LEAVES}.run`]);
    // All that lie in runs, but for the first ones: their reads tell that the disk is slow. The index takes the last file up a moment after
    // it is there, and a search that is under way then asks anew without fetching.
    await expect
      .poll(async () => {
        expect(await wrongPatientAnswers(yard, index)).toEqual([]);
        return fetched.size;
      })
      .toBeGreaterThan(5 * RUN_LEAVES - 10);
    expect(Math.max(...fetched)).toBeLessThan(5 * RUN_LEAVES);
    await index.close();
  });

  it("answers right while runs are merged away under who waits for their pages", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory, { now: slowClock() });
    const wrong: string[] = [];
    for (let round = 0; round < 24; round++) {
      const answers = wrongPatientAnswers(yard, index, 31);
      const growing = grow(yard, index, randomHashes(RUN_LEAVES), 64);
      wrong.push(...(await answers));
      await growing;
    }
    expect(wrong).toEqual([]);
    await index.close();
  });

  it("makes a damaged run anew before it answers", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const before = await openIndex(yard, directory);
    await grow(yard, before, randomHashes(RUN_LEAVES));
    await filesAre(directory, [`0-${RUN_LEAVES}.run`]);
    await before.close();
    const path = join(directory, `0-${RUN_LEAVES}.run`);
    const bytes = readFileSync(path);
    bytes[PAGE_BYTES + 777] = (bytes[PAGE_BYTES + 777] ?? 0) ^ 8;
    writeFileSync(path, bytes);
    const index = await openIndex(yard, directory, { now: slowClock() });
    expect(await wrongPatientAnswers(yard, index)).toEqual([]);
    await index.close();
  });

  it.each([false, true])("answers no more once it is closed, readOnly %s", async (readOnly) => {
    const yard = new TileYard();
    const directory = newDirectory();
    const writer = await openIndex(yard, directory);
    await grow(yard, writer, randomHashes(4 * RUN_LEAVES));
    await filesAre(directory, [`0-${4 * RUN_LEAVES}.run`]);
    await writer.close();
    const index = await openIndex(yard, directory, { now: slowClock(), readOnly });
    await index.catchUp(yard.size);
    const leaves = new Uint8Array(Buffer.concat([7, 300, 600, 900].map((leaf) => yard.leaf(leaf))));
    const asked = expectCodeAsync(index.findRepaired(leaves), "STORE_CLOSED");
    await index.close();
    await asked;
  });
});
