import { describe, expect, it } from "vitest";
import {
  filesAre,
  grow,
  newDirectory,
  openIndex,
  RUN_LEAVES,
  randomHashes,
  TileYard,
  wrongAnswers,
} from "./yard.ts";

describe("a leaf index", () => {
  it("finds each leaf and nothing else, while it grows through every width of run, and when opened again", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory);
    for (const size of [1, 255, 1, 300, 900, 256, 6000, 9000]) {
      await grow(yard, index, randomHashes(size));
      expect(index.size).toBe(yard.size);
      expect(wrongAnswers(yard, index)).toEqual([]);
    }
    await filesAre(directory, ["0-16384.run", "16384-16640.run"]);
    await index.close();
    const again = await openIndex(yard, directory);
    expect(again.size).toBe(yard.size);
    expect(wrongAnswers(yard, again)).toEqual([]);
    await again.close();
  });

  it("is made from the tiles when its files are missing", async () => {
    const yard = new TileYard();
    yard.add(randomHashes(9 * RUN_LEAVES + 77));
    const seen: number[] = [];
    const index = await openIndex(yard, newDirectory(), { onProgress: ({ indexed }) => seen.push(indexed) });
    expect(seen).toEqual(Array.from({ length: 9 }, (_, at) => (at + 1) * RUN_LEAVES));
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  });
});
