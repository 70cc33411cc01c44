/** Makes runs of tables, of tiles and of narrower runs. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { endOf } from "./leaf-finder.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import { Memtable } from "./memtable.ts";
import { mergeInto } from "./merge-runs.ts";
import type { Run } from "./run.ts";
import { type LeafRange, runPath } from "./run-file.ts";
import { RECORDS_PER_PAGE } from "./run-format.ts";
import { type PageColumns, writeRun } from "./run-writer.ts";
import { highOf, type SortedRecords, slotOf, sortedRecords } from "./sort.ts";
import { subtreeRoot } from "./subtree-root.ts";

/** Leaves of a level-0 tile. */
export const TILE_LEAVES = 256;
const TILES_PER_TURN = 8;

export type RunSource = Pick<LeafIndexOptions, "directory" | "storeId" | "readHashes">;

/** @throws {TlogError} STORE_FULL | STORE_FAILED | STORE_DAMAGED (the tiles) */
export async function runOfTable(source: RunSource, table: Memtable): Promise<Run> {
  const records = await sortedRecords(table);
  return await writeRun({
    ...placeOf(source, { from: table.from, to: table.end }),
    records: records.order.length,
    async fill(sink) {
      for (let at = 0; at < records.order.length; at += RECORDS_PER_PAGE) {
        sink.endPage(fillColumns(sink.columns, records, at));
        if (sink.isFull) await sink.flush();
      }
    },
  });
}

/** @returns how many records from `start` on the page takes. Not part of the function above, since loops run slower in what can wait. */
function fillColumns(columns: PageColumns, records: SortedRecords, start: number): number {
  const { order, low, position } = records;
  const count = Math.min(RECORDS_PER_PAGE, order.length - start);
  for (let at = 0; at < count; at++) {
    const record = order[start + at] ?? 0;
    const slot = slotOf(record);
    columns.high[at] = highOf(record);
    columns.low[at] = low[slot] ?? 0;
    columns.offset[at] = position[slot] ?? 0;
  }
  return count;
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
