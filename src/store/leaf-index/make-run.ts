/** Makes runs of tables, of tiles and of narrower runs. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { endOf } from "./leaf-finder.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import { Memtable } from "./memtable.ts";
import { mergeInto } from "./merge-runs.ts";
import type { Run } from "./run.ts";
import { type LeafRange, runPath } from "./run-file.ts";
import { type RunSink, writeRun } from "./run-writer.ts";
import { sortedPositions } from "./sort.ts";
import { subtreeRoot } from "./subtree-root.ts";

/** Leaves of a level-0 tile. */
export const TILE_LEAVES = 256;
const TILES_PER_TURN = 8;

export type RunSource = Pick<LeafIndexOptions, "directory" | "storeId" | "readHashes">;

/** @throws {TlogError} STORE_FULL | STORE_FAILED | STORE_DAMAGED (the tiles) */
export async function runOfTable(source: RunSource, table: Memtable): Promise<Run> {
  const positions = await sortedPositions(table);
  return await writeRun({
    ...placeOf(source, { from: table.from, to: table.end }),
    records: positions.length,
    async fill(sink) {
      for (let at = 0; at < positions.length; ) {
        at = addUntilFull(sink, table, positions, at);
        if (sink.isFull) await sink.flush();
      }
    },
  });
}

/** @returns where to go on. Not part of the function above, since loops run slower in what can wait. */
function addUntilFull(sink: RunSink, { high, low }: Memtable, positions: Uint32Array, start: number): number {
  let at = start;
  for (; at < positions.length && !sink.isFull; at++) {
    const position = positions[at] ?? 0;
    sink.add(high[position] ?? 0, low[position] ?? 0, position);
  }
  return at;
}

/** A run of leaves that are read from the tiles. Throws as {@link runOfTable}. */
export async function runOfTiles(source: RunSource, { from, to }: LeafRange): Promise<Run> {
  const table = new Memtable({ from, capacity: to - from, seed: 0 });
  const read = (start: number, count: number) => source.readHashes({ level: 0, start, count });
  const confirm = (leafIndex: number, hashes: Uint8Array, offset: number): boolean =>
    Buffer.compare(read(leafIndex, 1), hashes.subarray(offset, offset + 32)) === 0;
  for (let start = from; start < to; start += TILE_LEAVES) {
    table.append(read(start, TILE_LEAVES), 0, confirm);
    if ((start / TILE_LEAVES) % TILES_PER_TURN === 0) await nextTurn();
  }
  return await runOfTable(source, table);
}

/**
 * One run of neighbouring ones, which stay as they are. Throws as {@link runOfTable}, STORE_DAMAGED also when one of `runs` is.
 * @param signal - ends it: nothing of the run remains.
 */
export async function runOfRuns(source: RunSource, runs: readonly Run[], signal: AbortSignal): Promise<Run> {
  const from = runs[0]?.from ?? 0;
  return await writeRun({
    ...placeOf(source, { from, to: endOf(runs) }),
    records: runs.reduce((sum, run) => sum + run.records, 0),
    fill: (sink) => mergeInto(sink, runs, { from, signal }),
  });
}

function placeOf({ directory, storeId, readHashes }: RunSource, range: LeafRange) {
  return {
    path: runPath(directory, range),
    identity: { ...range, storeId, rootHash: subtreeRoot(readHashes, range) },
  };
}
