/** A log of entries in memory, whose bytes can be changed, as a source and as a crew. */

import type { TreeSource } from "../../src/fsck/source.ts";
import { appendHashes, emptyRange, rangeRoot } from "../../src/merkle/compact-range.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { formatBundlePath, formatTilePath } from "../../src/tlog/tile.ts";

export interface TestTree {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** Bytes by path; changed by tests. */
  readonly changes: Map<string, Uint8Array | undefined>;
  readonly source: TreeSource;
  entry(leafIndex: number): Uint8Array;
  /** What lies at a path. */
  at(path: string): Uint8Array;
  /** Flips a bit of what lies at a path. */
  flip(path: string, byte: number): void;
}

export function testTree(
  treeSize: number,
  entryAt = (index: number) => encodeUtf8(`entry ${index}`),
): TestTree {
  const leaves = concatBytes(...Array.from({ length: treeSize }, (_, index) => leafHash(entryAt(index))));
  const { range, levels } = appendHashes(emptyRange(), leaves);
  const changes = new Map<string, Uint8Array | undefined>();
  const hashes = (level: number, start: number, count: number) =>
    (levels[8 * level] ?? new Uint8Array()).slice(start * 32, (start + count) * 32);
  const original = (path: string): Uint8Array | undefined => {
    const [, level = "", index = ""] = /^tile\/(\w+)\/([x0-9/]+?)(?:\.p\/\d+)?$/.exec(path) ?? [];
    const width = Number(/\.p\/(\d+)$/.exec(path)?.[1] ?? 256);
    const start = Number(index.replace(/[x/]/g, "")) * 256;
    if (level !== "entries") return hashes(Number(level), start, width);
    return encodeBundle(Array.from({ length: width }, (_, at) => entryAt(start + at)));
  };
  const now = (path: string) => (changes.has(path) ? changes.get(path) : original(path));
  const inner = (tileIndex: number): Uint8Array =>
    concatBytes(
      ...[4, 5, 6, 7].map((height) =>
        (levels[height] ?? new Uint8Array()).slice(
          tileIndex * 2 ** (8 - height) * 32,
          (tileIndex + 1) * 2 ** (8 - height) * 32,
        ),
      ),
    );
  return {
    treeSize,
    rootHash: rangeRoot(range),
    changes,
    source: {
      readAhead: 2,
      readTile: async (tile) => now(formatTilePath(tile))?.slice(),
      readBundle: async (bundle) => now(formatBundlePath(bundle))?.slice(),
      readInner: async (tileIndex) =>
        changes.has(`inner/${tileIndex}`) ? changes.get(`inner/${tileIndex}`) : inner(tileIndex),
    },
    entry: entryAt,
    at: (path) => now(path)?.slice() ?? new Uint8Array(),
    flip(path, byte) {
      const bytes = path.startsWith("inner/")
        ? inner(Number(path.slice(6)))
        : (now(path)?.slice() ?? new Uint8Array());
      bytes[byte] = (bytes[byte] ?? 0) ^ 1;
      changes.set(path, bytes);
    },
  };
}
