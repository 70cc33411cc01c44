import { HASH_BYTES } from "../merkle/hash.ts";
import { type EntryBlock, entryCount } from "../tlog/entry-bundle.ts";
import { LeafTable, type TableSeed } from "./leaf-table.ts";
import type { AppendedBlock } from "./log.ts";

/** Entries that ask for indices, one block after the other. */
export interface Candidates {
  readonly blocks: readonly EntryBlock[];
  /** Of all blocks, in order, 32 bytes each. */
  readonly leafHashes: Uint8Array;
}

/** Which entries get new indices, and what every caller is told. */
export interface IndexPlan {
  /** Entries not in the log yet, in the order of their indices. */
  readonly entries: EntryBlock;
  readonly leafHashes: Uint8Array;
  /** One for each block. */
  readonly answers: readonly AppendedBlock[];
  /** Finds the entries of this plan; undefined when duplicates are allowed. */
  readonly table: LeafTable | undefined;
}

/** Where duplicates are looked for. */
export interface KnownLeaves {
  /** What the store found for each candidate. */
  readonly stored: readonly (number | undefined)[];
  /** The batch before, which the store may not know yet. */
  readonly inFlight: LeafTable | undefined;
  readonly seed: TableSeed;
}

/**
 * Gives each entry the next index, or the one it has already: in the store, in the batch in flight, or earlier in this one.
 * @param from - the next free index.
 * @param known - undefined: duplicates are allowed.
 */
export function assignIndices(
  candidates: Candidates,
  from: number,
  known: KnownLeaves | undefined,
): IndexPlan {
  const { leafHashes } = candidates;
  const count = leafHashes.length / HASH_BYTES;
  const table = known && new LeafTable(leafHashes, known.seed);
  const leafIndices: number[] = new Array(count);
  const duplicates: number[] = [];
  let next = from;
  for (let at = 0; at < count; at++) {
    const found =
      known?.stored[at] ?? known?.inFlight?.find(leafHashes, at) ?? table?.find(leafHashes, at) ?? undefined;
    if (found === undefined) table?.add(at, next);
    else duplicates.push(at);
    leafIndices[at] = found ?? next++;
  }
  const fresh = withoutPositions(candidates, duplicates);
  return { ...fresh, answers: answersOf(candidates, leafIndices, duplicates), table };
}

/** Each block's share of what was found, in memory of its own: the next batch is compared with these hashes. */
function answersOf(
  { blocks, leafHashes }: Candidates,
  leafIndices: readonly number[],
  duplicates: readonly number[],
): readonly AppendedBlock[] {
  if (blocks.length === 1) return [{ leafIndices, duplicates, leafHashes: leafHashes.slice() }];
  let start = 0;
  let passed = 0;
  return blocks.map((block) => {
    const end = start + entryCount(block);
    const own: number[] = [];
    for (let at = duplicates[passed]; at !== undefined && at < end; at = duplicates[++passed])
      own.push(at - start);
    const answer = {
      leafIndices: leafIndices.slice(start, end),
      duplicates: own,
      leafHashes: leafHashes.slice(start * HASH_BYTES, end * HASH_BYTES),
    };
    start = end;
    return answer;
  });
}

/** All candidates as one block, but for those at `positions`, which ascend. A single block that keeps all its entries is not copied. */
function withoutPositions(
  { blocks, leafHashes }: Candidates,
  positions: readonly number[],
): { readonly entries: EntryBlock; readonly leafHashes: Uint8Array } {
  const [only] = blocks;
  if (blocks.length === 1 && only !== undefined && positions.length === 0)
    return { entries: only, leafHashes };
  const all = joined(blocks);
  if (positions.length === 0) return { entries: all, leafHashes };
  const count = entryCount(all) - positions.length;
  const kept = {
    entries: { bytes: new Uint8Array(all.bytes.length), offsets: new Uint32Array(count + 1) },
    leafHashes: new Uint8Array(count * HASH_BYTES),
  };
  let taken = 0;
  let end = 0;
  let passed = 0;
  for (let at = 0; at < entryCount(all); at++) {
    if (at === positions[passed]) {
      passed += 1;
      continue;
    }
    kept.entries.bytes.set(all.bytes.subarray(all.offsets[at], all.offsets[at + 1]), end);
    end += (all.offsets[at + 1] ?? 0) - (all.offsets[at] ?? 0);
    kept.leafHashes.set(leafHashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES), taken * HASH_BYTES);
    taken += 1;
    kept.entries.offsets[taken] = end;
  }
  return { ...kept, entries: { ...kept.entries, bytes: kept.entries.bytes.subarray(0, end) } };
}

function joined(blocks: readonly EntryBlock[]): EntryBlock {
  let byteCount = 0;
  let entries = 0;
  for (const block of blocks) {
    byteCount += block.bytes.length;
    entries += entryCount(block);
  }
  const bytes = new Uint8Array(byteCount);
  const offsets = new Uint32Array(entries + 1);
  let end = 0;
  let last = 0;
  for (const block of blocks) {
    bytes.set(block.bytes, end);
    for (let at = 1; at < block.offsets.length; at++) offsets[++last] = end + (block.offsets[at] ?? 0);
    end += block.bytes.length;
  }
  return { bytes, offsets };
}
