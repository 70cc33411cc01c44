import { InvariantError } from "../errors.ts";
import type { Batch, LevelAppend } from "../store/store.ts";
import { concatBytes } from "../tlog/encoding.ts";
import type { EntryBlock } from "../tlog/entry-bundle.ts";

/** Batches that follow each other as one, which the store writes in one transaction. @param pieces - at least one; kept when it is the only one. */
export function joinBatches(pieces: readonly Batch[]): Batch {
  const [first] = pieces;
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) throw new InvariantError("no batches to join");
  if (pieces.length === 1) return first;
  return {
    from: first.from,
    entries: joinedBlocks(pieces.map(({ entries }) => entries)),
    leafHashes: concatBytes(...pieces.map(({ leafHashes }) => leafHashes)),
    levels: joinedLevels(pieces),
    head: last.head,
  };
}

function joinedBlocks(blocks: readonly EntryBlock[]): EntryBlock {
  const bytes = concatBytes(...blocks.map((block) => block.bytes));
  const count = blocks.reduce((sum, { offsets }) => sum + offsets.length - 1, 0);
  const offsets = new Uint32Array(count + 1);
  let at = 0;
  let start = 0;
  for (const block of blocks) {
    for (const offset of block.offsets.subarray(1)) offsets[++at] = start + offset;
    start += block.bytes.length;
  }
  return { bytes, offsets };
}

function joinedLevels(pieces: readonly Batch[]): readonly LevelAppend[] {
  const height = Math.max(...pieces.map(({ levels }) => levels.length));
  return Array.from({ length: height }, (_, level) => {
    const parts = pieces.flatMap(({ levels }) => levels[level] ?? []);
    const start = parts[0]?.start ?? 0;
    const hashes = concatBytes(...parts.map((part) => part.hashes));
    const inner = joinedInner(parts);
    return inner === undefined ? { level, start, hashes } : { level, start, hashes, inner };
  });
}

function joinedInner(parts: readonly LevelAppend[]): readonly Uint8Array[] | undefined {
  return parts[0]?.inner?.map((_, height) =>
    concatBytes(...parts.map(({ inner }) => inner?.[height] ?? new Uint8Array(0))),
  );
}
