import { InvariantError } from "../../errors.ts";
import type { LeafIndex, LeafIndexOptions } from "./leaf-index.ts";
import { TILE_LEAVES } from "./make-run.ts";
import { MAX_TABLE_LEAVES } from "./memtable.ts";
import { ReadingIndex } from "./reading-index.ts";
import { openWritingIndex } from "./writing-index.ts";

/**
 * Opens the leaf index of a log. A writer makes from the tiles what is missing: for a log without an index that takes about a
 * microsecond a leaf. A reader opens nothing yet: its `size` is 0 until `catchUp`.
 * @param options.runLeaves - leaves of a run before it is merged: a power of two from 256 to 2^19, the default. Smaller ones are
 *   for tests; another number makes the whole index anew.
 * @throws {TlogError} STORE_DAMAGED (the tiles are) | STORE_FULL | STORE_FAILED
 */
export async function openLeafIndex(
  options: LeafIndexOptions & { readonly runLeaves?: number },
): Promise<LeafIndex> {
  const { runLeaves = MAX_TABLE_LEAVES } = options;
  const isAllowed =
    Number.isInteger(Math.log2(runLeaves)) && runLeaves >= TILE_LEAVES && runLeaves <= MAX_TABLE_LEAVES;
  if (!isAllowed) throw new InvariantError(`runs of ${runLeaves} leaves`);
  const whole = { ...options, runLeaves };
  return options.readOnly ? new ReadingIndex(whole) : await openWritingIndex(whole);
}
