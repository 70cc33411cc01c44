import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fileError } from "../../../src/store/leaf-index/run-file.ts";
import { expectCodeAsync } from "../../expect-code.ts";
import { some } from "../../runs.ts";
import {
  filesAre,
  filesIn,
  grow,
  newDirectory,
  openIndex,
  RUN_LEAVES,
  randomHashes,
  TileYard,
  wrongAnswers,
} from "./yard.ts";

/** Hashes whose first bytes are those given. */
function hashesWith(prefix: readonly number[], count: number): readonly Uint8Array[] {
  return randomHashes(count).map((hash) => {
    hash.set(prefix, 0);
    return hash;
  });
}

/** In an order that mixes them, the same each time. */
function mixed(...groups: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] {
  const all = groups.flat();
  return all.map((_, at) => all[(at * 7919) % all.length] as Uint8Array);
}

describe("a leaf index of leaves that somebody chose", () => {
  it.each(
    some([
      ["the same first 8 bytes", mixed(hashesWith([1, 2, 3, 4, 5, 6, 7, 8], 701), randomHashes(4100))],
      ["the same first 4 bytes", mixed(hashesWith([0, 0, 0, 0], 2503), randomHashes(2600))],
      [
        "the same first 4 bytes, a few of them in each run",
        mixed(hashesWith([7, 7, 7, 7], 97), randomHashes(4000)),
      ],
      [
        "the first 8 bytes all zeroes or all ones",
        mixed(hashesWith(Array(8).fill(0), 400), hashesWith(Array(8).fill(255), 403)),
      ],
      ["the same first 2 bytes", hashesWith([255, 254], 5200)],
      ["each one twice, far apart", ((all) => [...all, ...all])(randomHashes(3001))],
      [
        "each one five times, side by side",
        randomHashes(1201).flatMap((hash) => Array<Uint8Array>(5).fill(hash)),
      ],
      [
        "three that come again and again",
        mixed(...randomHashes(3).map((hash) => Array<Uint8Array>(1700).fill(hash))),
      ],
    ] as const),
  )("answers right for %s", async (_name, hashes) => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory);
    await grow(yard, index, hashes, 333);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
    const again = await openIndex(yard, directory);
    expect(wrongAnswers(yard, again)).toEqual([]);
    await again.close();
  });

  it("keeps one record in a run of a leaf that comes a thousand times, and reads few tiles for it", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory);
    const [leaf] = randomHashes(1);
    await grow(yard, index, Array<Uint8Array>(16 * RUN_LEAVES).fill(leaf as Uint8Array), 100);
    await filesAre(directory, [`0-${16 * RUN_LEAVES}.run`]);
    expect(index.diskBytes).toBeLessThan(10_000);
    expect(yard.reads).toBeLessThan(400);
    expect(index.find(leaf as Uint8Array)).toEqual([0]);
    await index.close();
  });
});

describe("a leaf index whose disk fails", () => {
  it("finds what is added until there is no room in memory, refuses, and goes on when the disk is back", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory);
    await grow(yard, index, randomHashes(100), 100);
    renameSync(directory, `${directory}-away`);
    writeFileSync(directory, "");
    const refused = await expectCodeAsync(
      grow(yard, index, randomHashes(20 * RUN_LEAVES), 64),
      "STORE_FAILED",
    );
    expect(refused.message).toContain(directory);
    expect(index.size).toBeLessThan(3 * RUN_LEAVES + 64);
    expect(index.size).toBe(yard.size);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await expectCodeAsync(index.ready(), "STORE_FAILED");
    rmSync(directory);
    mkdirSync(directory);
    await grow(yard, index, randomHashes(8 * RUN_LEAVES));
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
    expect(filesIn(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it.each(["ENOSPC", "EDQUOT", "EFBIG"])("calls a disk full that says %s", (code) => {
    expect(fileError("0-256.run", Object.assign(new Error("no"), { code }))).toMatchObject({
      code: "STORE_FULL",
    });
    expect(fileError("0-256.run", new Error("no"))).toMatchObject({ code: "STORE_FAILED" });
  });
});

describe("a reader of the leaf index", () => {
  it("follows the writer: through tiles, new runs and merged ones", async () => {
    const yard = new TileYard();
    const directory = newDirectory();
    const index = await openIndex(yard, directory);
    const reader = await openIndex(yard, directory, { readOnly: true });
    expect(reader.size).toBe(0);
    for (const size of [10, 300, 1500, 1, 5000]) {
      await grow(yard, index, randomHashes(size));
      await Promise.all([reader.catchUp(yard.size), reader.catchUp(yard.size - 1)]);
      expect(reader.size).toBe(yard.size);
      expect(wrongAnswers(yard, reader)).toEqual([]);
    }
    await Promise.all([index.close(), reader.close()]);
  });

  it("refuses, rather than to fill its memory, when no writer has made the runs", async () => {
    const yard = new TileYard();
    yard.add(randomHashes(4 * RUN_LEAVES));
    const reader = await openIndex(yard, newDirectory(), { readOnly: true });
    await reader.catchUp(yard.size);
    expect(wrongAnswers(yard, reader)).toEqual([]);
    yard.add(randomHashes(2 * RUN_LEAVES));
    await expectCodeAsync(reader.catchUp(yard.size), "STORE_FAILED");
    await reader.close();
  });
});
