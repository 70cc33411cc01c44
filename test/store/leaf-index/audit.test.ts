import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { findRuns } from "../../../src/store/leaf-index/audit-directory.ts";
import { auditRun } from "../../../src/store/leaf-index/audit-run.ts";
import { grow, newDirectory, openIndex, RUN_LEAVES, randomHashes, STORE_ID, TileYard } from "./yard.ts";

const RANGE = { from: 0, to: RUN_LEAVES };
const PAGE = 4096;

describe("a check of a run of the leaf index", () => {
  const yard = new TileYard();
  const directory = newDirectory();
  const path = join(directory, `0-${RUN_LEAVES}.run`);
  let sound = Buffer.alloc(0);
  beforeAll(async () => {
    const index = await openIndex(yard, directory);
    const hashes = randomHashes(RUN_LEAVES + 10);
    // One leaf twice: the second needs no record.
    await grow(yard, index, hashes.with(40, hashes[7] as Uint8Array));
    await index.close();
    sound = readFileSync(path);
  });

  const audit = (of = yard) => auditRun({ directory, storeId: STORE_ID, readHashes: of.readHashes }, RANGE);

  it("finds nothing in one that is right", async () => {
    expect(await audit()).toEqual([]);
  });

  it.each<[string, (bytes: Buffer) => void, RegExp]>([
    ["a header that changed", (bytes) => flip(bytes, 20), /header of a leaf run/],
    ["a page that changed", (bytes) => flip(bytes, PAGE + 100), /page 0 is not what was written/],
    ["a filter that changed", (bytes) => flip(bytes, bytes.length - 1), /its filter changed/],
    [
      "a record that is gone",
      (bytes) => seal(move(bytes, 4, 3)),
      /is the second of leaf|is out of order|has no record/,
    ],
    ["a record of another key", (bytes) => seal(rekey(bytes)), /another key than its hash/],
    ["a record of a leaf that is none of its", (bytes) => seal(beyond(bytes)), /which is not of this run/],
  ])("names %s", async (_, change, wanted) => {
    const bytes = Buffer.from(sound);
    change(bytes);
    writeFileSync(path, bytes);
    expect((await audit()).join("\n")).toMatch(wanted);
    writeFileSync(path, sound);
  });

  it("tells a run of another tree", async () => {
    const other = new TileYard();
    other.add(randomHashes(RUN_LEAVES));
    expect(await audit(other)).toMatchObject([expect.stringMatching(/not of leaves \[0, 256\) of this log/)]);
  });

  it("lists the runs that count, those of a larger tree, and what is no run", () => {
    writeFileSync(join(directory, "512-768.run"), "");
    writeFileSync(join(directory, "notes.txt"), "");
    expect(findRuns(directory, yard.size)).toEqual({
      runs: [RANGE],
      beyond: [{ from: 512, to: 768 }],
      foreign: ["notes.txt"],
    });
    expect(findRuns(join(directory, "nowhere"), 1)).toBeUndefined();
  });
});

/** Writes the page's checksum anew: as a program that is wrong would, not a disk. */
function seal(bytes: Buffer): void {
  bytes.writeUInt32BE(crc32(bytes.subarray(PAGE + 4, 2 * PAGE)), PAGE);
}

function flip(bytes: Buffer, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
}

function recordAt(record: number): number {
  return PAGE + 4 + 12 * record;
}

function move(bytes: Buffer, from: number, to: number): Buffer {
  bytes.copy(bytes, recordAt(to), recordAt(from), recordAt(from + 1));
  return bytes;
}

/** The last bit of a key, which stays between its neighbours and has the same place in the filter as far as that knows it. */
function rekey(bytes: Buffer): Buffer {
  flip(bytes, recordAt(3) + 7);
  return bytes;
}

function beyond(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(RUN_LEAVES + 5, recordAt(3) + 8);
  return bytes;
}
