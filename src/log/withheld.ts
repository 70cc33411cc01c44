/** What is known to be wrong on the disk: nobody is served it, and nothing is made of it. spec/decisions/0047 */
import { TlogError } from "../errors.ts";
import type { LogReader } from "../store/store.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";

/** Tiles of a level, or entry bundles, with index [from, to), of whatever width. */
export interface WithheldRange {
  readonly level: number | "entries";
  readonly from: number;
  readonly to: number;
}

/** Which resources are withheld, as found last. */
export class Withheld {
  readonly #listeners = new Set<() => void>(); // owned by onReplaced()
  #ranges: readonly WithheldRange[] = []; // owned by replace()

  get ranges(): readonly WithheldRange[] {
    return this.#ranges;
  }

  /** These are withheld from now on, and no others. */
  replace(ranges: readonly WithheldRange[]): void {
    this.#ranges = merged(ranges);
    for (const tell of this.#listeners) tell();
  }

  /** Calls `listener` after each replacement, until the returned function is called. */
  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws {TlogError} STORE_DAMAGED */
  assertServable(level: number | "entries", index: number): void {
    for (const range of this.#ranges) {
      if (range.level !== level || index < range.from || index >= range.to) continue;
      const what = level === "entries" ? `entry bundle ${index}` : `tile level ${level} index ${index}`;
      throw new TlogError("STORE_DAMAGED", `${what} has bytes on the disk that are wrong, and is withheld`);
    }
  }
}

/** Reads a store, and refuses what is withheld. */
export function withholding<Reader extends LogReader>(store: Reader, withheld: Withheld): Reader {
  return {
    ...store,
    async readTile(tile) {
      withheld.assertServable(tile.level, tile.index);
      return await store.readTile(tile);
    },
    async readSection(leafIndex) {
      withheld.assertServable(0, Math.floor(leafIndex / TILE_WIDTH));
      return await store.readSection(leafIndex);
    },
    async readEntries(range) {
      withheld.assertServable("entries", Math.floor(range.start / TILE_WIDTH));
      return await store.readEntries(range);
    },
  };
}

/** Without overlaps: a disk on its way out spoils much. */
function merged(ranges: readonly WithheldRange[]): readonly WithheldRange[] {
  const all: WithheldRange[] = [];
  const sorted = ranges.toSorted((a, b) => String(a.level).localeCompare(String(b.level)) || a.from - b.from);
  for (const range of sorted) {
    const last = all.at(-1);
    if (last === undefined || last.level !== range.level || range.from > last.to) all.push(range);
    else all.splice(-1, 1, { ...last, to: Math.max(last.to, range.to) });
  }
  return all;
}
