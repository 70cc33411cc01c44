import { describe, expect, it } from "vitest";
import { TileHasher } from "../../src/fsck/tile-hasher.ts";
import { leafHash, nodeHash } from "../../src/merkle/hash.ts";
import { concatBytes } from "../../src/tlog/encoding.ts";
import { encodeEntryBlock } from "../../src/tlog/entry-bundle.ts";

function entriesOf(lengths: readonly number[], seed: number): readonly Uint8Array[] {
  return lengths.map((length, at) => new Uint8Array(length).fill((at * 7 + seed) % 256));
}

/** Each level of a tree above hashes, the lowest first. */
function levelsOf(hashes: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const levels = [hashes];
  for (let below = hashes; below.length > 1; ) {
    const row = below;
    below = Array.from({ length: row.length / 2 }, (_, at) =>
      nodeHash(row[2 * at] ?? new Uint8Array(), row[2 * at + 1] ?? new Uint8Array()),
    );
    levels.push(below);
  }
  return levels;
}

const all = (count: number, length: number): readonly number[] => Array.from({ length: count }, () => length);

describe("TileHasher", () => {
  it("hashes one bundle after the other as each entry by itself, and leaves them as they are", () => {
    const hasher = new TileHasher();
    const bundles: readonly (readonly number[])[] = [
      all(256, 256),
      all(256, 256),
      all(3, 256),
      all(256, 0),
      Array.from({ length: 256 }, (_, at) => (at * 37) % 500),
      all(256, 700), // more than there was room for
      [65_535, 0, 1],
      [],
      all(256, 256),
    ];
    for (const [seed, lengths] of bundles.entries()) {
      const entries = entriesOf(lengths, seed);
      const block = encodeEntryBlock(entries);
      const before = block.bytes.slice();
      expect(Buffer.compare(hasher.leafHashes(block), concatBytes(...entries.map(leafHash)))).toBe(0);
      expect(Buffer.compare(block.bytes, before)).toBe(0);
    }
  });

  it("makes the root and the inner nodes of one tile after the other", () => {
    const hasher = new TileHasher();
    for (const seed of [1, 2]) {
      const hashes = entriesOf(all(256, 32), seed);
      const levels = levelsOf(hashes);
      expect(hasher.root(concatBytes(...hashes))).toEqual(levels[8]?.[0]);
      expect(Uint8Array.from(hasher.inner())).toEqual(concatBytes(...levels.slice(4, 8).flat()));
    }
  });
});
