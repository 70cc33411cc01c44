/** The naive model a store is compared with, and batches to feed both. Hashes are random: a store moves bytes. */
import { hash } from "node:crypto";
import { peakCoordinates } from "../../src/merkle/compact-range.ts";
import { hashesAtLevel } from "../../src/store/rules.ts";
import type { Batch, IntegratedHead, LevelAppend, TileSection } from "../../src/store/store.ts";
import { type EntryBlock, entryCount, entryOf } from "../../src/tlog/entry-bundle.ts";

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** 32 bytes that look random and are the same for the same name. */
export function hashNamed(name: string): Uint8Array {
  return new Uint8Array(hash("sha256", name, "buffer"));
}

export function headOf(treeSize: number): IntegratedHead {
  const peaks = Array.from({ length: peakCoordinates(treeSize).length }, (_, index) =>
    hashNamed(`peak ${index} of ${treeSize}`),
  );
  return { treeSize, peaks };
}

/** A batch of `entries` on a tree of `from` leaves. A leaf's hash is that of its bytes, unless `leafHashes` says otherwise. */
export function batchOf(
  from: number,
  entries: readonly Uint8Array[],
  leafHashes: readonly Uint8Array[] = entries.map((entry) =>
    hashNamed(`leaf ${Buffer.from(entry).toString("latin1")}`),
  ),
): Batch {
  const treeSize = from + entries.length;
  const levels: LevelAppend[] = [];
  for (let level = 0; ; level++) {
    const start = hashesAtLevel(from, level);
    const end = hashesAtLevel(treeSize, level);
    if (start === end) break;
    levels.push(
      level === 0
        ? { level, start, hashes: joined(leafHashes), inner: innerBetween(from, treeSize) }
        : { level, start, hashes: joined(levelHashes(level, start, end)) },
    );
  }
  return {
    from,
    entries: uncheckedBlock(entries),
    leafHashes: joined(leafHashes),
    levels,
    head: headOf(treeSize),
  };
}

function innerBetween(from: number, to: number): readonly Uint8Array[] {
  return [4, 5, 6, 7].map((height) =>
    joined(innerHashes(height, Math.floor(from / 2 ** height), Math.floor(to / 2 ** height))),
  );
}

/** The same batch as a version makes it that gives no inner nodes. */
export function withoutInner(batch: Batch): Batch {
  return { ...batch, levels: batch.levels.map(({ level, start, hashes }) => ({ level, start, hashes })) };
}

/** Unlike `encodeEntryBlock`, also of entries that are too long. */
function uncheckedBlock(entries: readonly Uint8Array[]): EntryBlock {
  const offsets = new Uint32Array(entries.length + 1);
  for (const [at, entry] of entries.entries()) offsets[at + 1] = offsets[at]! + 2 + entry.length;
  return { bytes: encodedEach(entries), offsets };
}

function encodedEach(entries: readonly Uint8Array[]): Uint8Array {
  return joined(
    entries.flatMap((entry) => [Uint8Array.of((entry.length >> 8) & 255, entry.length & 255), entry]),
  );
}

/** Hashes one by one that lie one behind the other. */
export function hashesOf(joinedHashes: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: joinedHashes.length / 32 }, (_, at) =>
    joinedHashes.slice(at * 32, at * 32 + 32),
  );
}

/** `count` entries that differ from each other and from those of any other tree size. */
export function entriesFrom(from: number, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => bytesOf(`entry ${from + index}`));
}

/** What a store must answer, computed from the batches it was given. */
export class StoreModel {
  readonly entries: Uint8Array[] = [];
  readonly leafHashes: Uint8Array[] = [];

  get treeSize(): number {
    return this.entries.length;
  }

  apply(batch: Batch): void {
    for (let at = 0; at < entryCount(batch.entries); at++) {
      this.entries.push(entryOf(batch.entries, at).slice());
    }
    this.leafHashes.push(...hashesOf(batch.leafHashes));
  }

  tile(level: number, index: number, width: number): Uint8Array | undefined {
    const start = index * 256;
    if (start + width > hashesAtLevel(this.treeSize, level)) return undefined;
    return level === 0
      ? joined(this.leafHashes.slice(start, start + width))
      : joined(levelHashes(level, start, start + width));
  }

  section(leafIndex: number): TileSection | undefined {
    const tile = Math.floor(leafIndex / 256);
    if ((tile + 1) * 256 > this.treeSize) return undefined;
    const start = leafIndex - (leafIndex % 16);
    const nodes = [4, 5, 6, 7].flatMap((height) => {
      const inTile = 256 / 2 ** height;
      return innerHashes(height, tile * inTile, (tile + 1) * inTile);
    });
    return { leaves: joined(this.leafHashes.slice(start, start + 16)), nodes: joined(nodes) };
  }

  encodedEntries(start: number, end: number): Uint8Array | undefined {
    if (end > this.treeSize) return undefined;
    return encodedEach(this.entries.slice(start, end));
  }

  indexOf(leafHash: Uint8Array): number | undefined {
    const index = this.leafHashes.findIndex((held) => Buffer.from(held).equals(leafHash));
    return index < 0 ? undefined : index;
  }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function innerHashes(height: number, start: number, end: number): readonly Uint8Array[] {
  return Array.from({ length: end - start }, (_, index) =>
    hashNamed(`height ${height} node ${start + index}`),
  );
}

function levelHashes(level: number, start: number, end: number): readonly Uint8Array[] {
  return Array.from({ length: end - start }, (_, index) => hashNamed(`level ${level} hash ${start + index}`));
}

/** Entry `leafIndex` of the patterned log: its index, then a fill that depends on it. */
export function patternEntry(leafIndex: number, bytes: number): Uint8Array {
  const entry = new Uint8Array(bytes).fill(leafIndex % 251);
  entry.set(bytesOf(`${leafIndex}`).subarray(0, bytes));
  return entry;
}

/** A batch of the patterned log, which any process can recompute. */
export function patternBatch(from: number, count: number, bytes: number): Batch {
  const leaves = Array.from({ length: count }, (_, index) => from + index);
  return batchOf(
    from,
    leaves.map((leafIndex) => patternEntry(leafIndex, bytes)),
    leaves.map((leafIndex) => hashNamed(`pattern ${leafIndex}`)),
  );
}
