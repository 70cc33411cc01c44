import { copyFileSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../../src/errors.ts";
import { hasErrorCode } from "../../../src/node/errno.ts";
import { layoutOf, PAGE_BYTES, type RunLayout } from "../../../src/store/leaf-index/run-format.ts";
import { expectCode, expectCodeAsync } from "../../expect-code.ts";
import { some } from "../../runs.ts";
import {
  filesAre,
  filesIn,
  grow,
  newDirectory,
  openIndex,
  RUN_LEAVES,
  randomHashes,
  STORE_ID,
  TileYard,
  wrongAnswers,
} from "./yard.ts";

const WIDE = `0-${4 * RUN_LEAVES}.run`;
const NARROW = `${4 * RUN_LEAVES}-${5 * RUN_LEAVES}.run`;
const NEXT = `${5 * RUN_LEAVES}-${6 * RUN_LEAVES}.run`;
const LAYOUT: RunLayout = layoutOf(4 * RUN_LEAVES);

/** A log whose index has one merged run, two that were never merged, and a rest. */
async function logWithRuns(): Promise<{ readonly yard: TileYard; readonly directory: string }> {
  const yard = new TileYard();
  const directory = newDirectory();
  const index = await openIndex(yard, directory);
  await grow(yard, index, randomHashes(6 * RUN_LEAVES + 100));
  await filesAre(directory, [WIDE, NARROW, NEXT]);
  await index.close();
  return { yard, directory };
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 8;
  writeFileSync(path, bytes);
}

/** Runs of the same place, made of other leaves. */
async function runsOfAnotherLog(directory: string, storeId: string): Promise<void> {
  const other = await logWithRuns();
  const yard = new TileYard();
  yard.add(randomHashes(6 * RUN_LEAVES));
  const index = await openIndex(yard, join(other.directory, "../other"), { storeId });
  await filesAre(join(other.directory, "../other"), [WIDE, NARROW, NEXT]);
  await index.close();
  for (const name of [WIDE, NARROW, NEXT]) {
    copyFileSync(join(other.directory, "../other", name), join(directory, name));
  }
}

const FAULTS: Record<string, (directory: string) => void | Promise<void>> = {
  "no directory": (directory) => rmSync(directory, { recursive: true }),
  "a missing merged run": (directory) => rmSync(join(directory, WIDE)),
  "a missing run in the middle": (directory) => rmSync(join(directory, NARROW)),
  "a missing last run": (directory) => rmSync(join(directory, NEXT)),
  "an empty run": (directory) => truncateSync(join(directory, WIDE), 0),
  "a run that ends within its header": (directory) => truncateSync(join(directory, WIDE), 100),
  "a run that ends within its pages": (directory) => truncateSync(join(directory, WIDE), 2 * PAGE_BYTES),
  "a run that ends within its filter": (directory) =>
    truncateSync(join(directory, NARROW), layoutOf(RUN_LEAVES).fileBytes - 1),
  "a run that is too long": (directory) =>
    writeFileSync(
      join(directory, WIDE),
      Buffer.concat([readFileSync(join(directory, WIDE)), Buffer.alloc(1)]),
    ),
  // Nothing is mapped at its beginning: reading there is EIO.
  "a run that the disk cannot read": (directory) => {
    rmSync(join(directory, WIDE));
    symlinkSync("/proc/self/mem", join(directory, WIDE));
  },
  "a bit of a header": (directory) => flipBit(join(directory, WIDE), 50),
  "a bit of the fences": (directory) => flipBit(join(directory, WIDE), LAYOUT.fencesAt + 9),
  "a bit of the filter": (directory) => flipBit(join(directory, WIDE), LAYOUT.filterAt + 77),
  "runs of another store": (directory) => runsOfAnotherLog(directory, "ff".repeat(16)),
  "runs of a fork of the log": (directory) => runsOfAnotherLog(directory, STORE_ID),
  "one run under the name of another": (directory) =>
    copyFileSync(join(directory, NARROW), join(directory, NEXT)),
  "killed before the rename": (directory) => {
    copyFileSync(join(directory, NEXT), join(directory, `${NEXT}.0123456789abcdef.tmp`));
    truncateSync(join(directory, `${NEXT}.0123456789abcdef.tmp`), 5000);
  },
  "a temporary file for a run that is not there": (directory) => {
    copyFileSync(join(directory, NEXT), join(directory, `${NEXT}.0123456789abcdef.tmp`));
    rmSync(join(directory, NEXT));
  },
  "killed before the merged away were deleted": (directory) => {
    copyFileSync(join(directory, NARROW), join(directory, `0-${RUN_LEAVES}.run`));
  },
  "a name that is no run": (directory) => writeFileSync(join(directory, "007-x.run"), "x"),
  "a run of no such width": (directory) =>
    copyFileSync(join(directory, NARROW), join(directory, `0-${2 * RUN_LEAVES}.run`)),
};

describe("a leaf index that finds at its opening", () => {
  it.each(some(Object.keys(FAULTS)))("%s: answers right, and ends with the same runs", async (fault) => {
    const { yard, directory } = await logWithRuns();
    await FAULTS[fault]?.(directory);
    const reader = await openIndex(yard, directory, { readOnly: true });
    const index = await openIndex(yard, directory);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await grow(yard, index, randomHashes(100));
    expect(wrongAnswers(yard, index)).toEqual([]);
    rmSync(join(directory, "007-x.run"), { force: true });
    await filesAre(directory, [WIDE, NARROW, NEXT]);
    await index.close();
    await reader.catchUp(yard.size);
    expect(wrongAnswers(yard, reader)).toEqual([]);
    await reader.close();
  });

  it("runs beyond the tree of a restored backup: makes its own of what is added instead", async () => {
    const { yard: ahead, directory } = await logWithRuns();
    const yard = new TileYard();
    for (let leaf = 0; leaf < 4 * RUN_LEAVES + 10; leaf++) yard.add([ahead.leaf(leaf)]);
    const index = await openIndex(yard, directory);
    expect(filesIn(directory)).toEqual([WIDE]);
    await grow(yard, index, randomHashes(2 * RUN_LEAVES));
    await filesAre(directory, [WIDE, NARROW, NEXT]);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  });
});

describe("a leaf index with a damaged page", () => {
  it("says so when it comes to it, makes the run anew from the tiles, and then answers right", async () => {
    const { yard, directory } = await logWithRuns();
    for (let page = 1; page <= LAYOUT.pages; page++) flipBit(join(directory, WIDE), page * PAGE_BYTES + 777);
    const index = await openIndex(yard, directory);
    expectCode(() => index.find(yard.leaf(3)), "STORE_DAMAGED");
    expectCode(() => index.find(yard.leaf(4)), "STORE_DAMAGED");
    expect(index.find(yard.leaf(4 * RUN_LEAVES))).toEqual([4 * RUN_LEAVES]);
    // Made anew in the narrowest runs, which are then merged.
    while (isDamaged(join(directory, WIDE))) await nextTurn();
    await filesAre(directory, [WIDE, NARROW, NEXT]);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  });

  it("answers who can wait right, however many runs are damaged, while a merge that is under way makes room", async () => {
    const { yard, directory } = await logWithRuns();
    for (let page = 1; page <= LAYOUT.pages; page++) flipBit(join(directory, WIDE), page * PAGE_BYTES + 777);
    flipBit(join(directory, NARROW), PAGE_BYTES + 777);
    const index = await openIndex(yard, directory);
    const hashes = new Uint8Array(Buffer.concat([3, 4 * RUN_LEAVES, 5].map((leaf) => yard.leaf(leaf))));
    await grow(yard, index, randomHashes(2 * RUN_LEAVES));
    expect(await index.findRepaired(hashes)).toEqual([3, 4 * RUN_LEAVES, 5]);
    await filesAre(directory, [WIDE, `${4 * RUN_LEAVES}-${8 * RUN_LEAVES}.run`]);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  });

  it("does not wait for ever: a damaged tile, and the end of the index, are told", async () => {
    const { yard, directory } = await logWithRuns();
    flipBit(join(directory, NARROW), PAGE_BYTES + 777);
    let areDamaged = false;
    const readHashes: TileYard["readHashes"] = (range) => {
      if (areDamaged) throw new TlogError("STORE_DAMAGED", "a tile");
      return yard.readHashes(range);
    };
    const index = await openIndex(yard, directory, { readHashes });
    areDamaged = true;
    await expectCodeAsync(index.findRepaired(yard.leaf(4 * RUN_LEAVES)), "STORE_DAMAGED");
    await index.close();
    await expectCodeAsync(index.findRepaired(yard.leaf(4 * RUN_LEAVES)), "STORE_CLOSED");
    const other = await openIndex(yard, directory);
    const asked = expectCodeAsync(other.findRepaired(yard.leaf(4 * RUN_LEAVES)), "STORE_CLOSED");
    await other.close();
    await asked;
  });

  it("comes to it when it merges: makes the run anew first", async () => {
    const { yard, directory } = await logWithRuns();
    flipBit(join(directory, NARROW), PAGE_BYTES + 777);
    const index = await openIndex(yard, directory);
    await grow(yard, index, randomHashes(2 * RUN_LEAVES));
    await filesAre(directory, [WIDE, `${4 * RUN_LEAVES}-${8 * RUN_LEAVES}.run`]);
    expect(wrongAnswers(yard, index)).toEqual([]);
    await index.close();
  });

  it("is not served to a reader either, until a writer has made the run anew", async () => {
    const { yard, directory } = await logWithRuns();
    flipBit(join(directory, NARROW), PAGE_BYTES + 777);
    const reader = await openIndex(yard, directory, { readOnly: true });
    await reader.catchUp(yard.size);
    expectCode(() => reader.find(yard.leaf(4 * RUN_LEAVES)), "STORE_DAMAGED");
    const index = await openIndex(yard, directory);
    expectCode(() => index.find(yard.leaf(4 * RUN_LEAVES)), "STORE_DAMAGED");
    while (isDamaged(join(directory, NARROW))) await nextTurn();
    await reader.catchUp(yard.size);
    expect(wrongAnswers(yard, reader)).toEqual([]);
    await Promise.all([reader.close(), index.close()]);
  });
});

describe("a leaf index of a writer that is closed", () => {
  it("has no room any more, rather than to wait for what nobody does", async () => {
    const yard = new TileYard();
    const index = await openIndex(yard, newDirectory());
    index.append(yard.add(randomHashes(3 * RUN_LEAVES)));
    const closed = index.close();
    await expectCodeAsync(index.ready(), "STORE_CLOSED");
    await closed;
  });
});

describe("a leaf index of a reader that is closed", () => {
  it("answers no more: not that a leaf is absent which it has not come to yet", async () => {
    const yard = new TileYard();
    yard.add(randomHashes(10 * RUN_LEAVES));
    const directory = newDirectory();
    await (await openIndex(yard, directory)).close();
    rmSync(join(directory), { recursive: true });
    const reader = await openIndex(yard, directory, { readOnly: true, runLeaves: 4096 });
    const caughtUp = expectCodeAsync(reader.catchUp(yard.size), "STORE_CLOSED");
    await reader.close();
    await caughtUp;
    expectCode(() => reader.find(yard.leaf(0)), "STORE_CLOSED");
    await expectCodeAsync(reader.catchUp(yard.size), "STORE_CLOSED");
  });
});

/** Also while there is none: one that is made anew or merged away may go between two looks at it. */
function isDamaged(path: string): boolean {
  try {
    const page = readFileSync(path).subarray(PAGE_BYTES, 2 * PAGE_BYTES);
    return page.readUInt32BE(0) !== crc32(page.subarray(4));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return true;
    throw error;
  }
}
