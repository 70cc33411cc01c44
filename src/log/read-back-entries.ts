/** The entries behind leaf hashes, hashed again from what storage gives back. spec/decisions/0002 */
import { TlogError } from "../errors.ts";
import { HASH_BYTES, hashesEqualAt } from "../merkle/hash.ts";
import type { LogReader } from "../store/store.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { blockLeafHashes, type EntryBlock, entryOf, entryOffsets } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { nextTurn } from "./turns.ts";

/** Read and hashed in one go: at most 4 MiB of the largest entries, some milliseconds. */
const ENTRIES_PER_READ = 64;
/** After so many bytes others get a turn: about half a millisecond. */
const BYTES_PER_TURN = 512 * 1024;

/** Hashes entries again; one at a time. */
export class EntryReadBack {
  readonly #store: Pick<LogReader, "readEntries">;
  #sinceTurn = 0; // bytes; owned by #compare()

  constructor(store: Pick<LogReader, "readEntries">) {
    this.#store = store;
  }

  /**
   * @param range.leafHashes - of leaves from `start` on, all within one bundle, as their tile has them.
   * @throws {TlogError} STORE_DAMAGED naming the first entry that does not hash to its leaf hash, its bytes and both hashes
   */
  async assertMatch({ start, leafHashes }: Leaves): Promise<void> {
    const end = start + leafHashes.length / HASH_BYTES;
    for (let from = start; from < end; from += ENTRIES_PER_READ) {
      const to = Math.min(end, from + ENTRIES_PER_READ);
      const at = (from - start) * HASH_BYTES;
      await this.#compare({
        start: from,
        leafHashes: leafHashes.subarray(at, at + (to - from) * HASH_BYTES),
      });
    }
  }

  async #compare({ start, leafHashes }: Leaves): Promise<void> {
    const count = leafHashes.length / HASH_BYTES;
    const block = await this.#read(start, start + count);
    const derived = blockLeafHashes(block);
    for (let at = 0; at < count; at++) {
      if (hashesEqualAt(derived, at * HASH_BYTES, leafHashes, at * HASH_BYTES)) continue;
      throw await this.#mismatch(start + at, {
        length: entryOf(block, at).length,
        got: derived.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
        want: leafHashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
      });
    }
    this.#sinceTurn += block.bytes.length;
    if (this.#sinceTurn < BYTES_PER_TURN) return;
    this.#sinceTurn = 0;
    await nextTurn();
  }

  async #read(start: number, end: number): Promise<EntryBlock> {
    const bytes = await this.#store.readEntries({ start, end });
    if (bytes === undefined) {
      throw new TlogError("STORE_DAMAGED", `entries ${start} to ${end - 1} are missing`);
    }
    try {
      return { bytes, offsets: entryOffsets(bytes, end - start) };
    } catch (cause) {
      const message = `entries ${start} to ${end - 1} cannot be told apart`;
      throw new TlogError("STORE_DAMAGED", message, { cause });
    }
  }

  async #mismatch(leafIndex: number, entry: Mismatch): Promise<TlogError> {
    const bundle = Math.floor(leafIndex / TILE_WIDTH);
    const from = (await this.#bytesBefore(leafIndex)) + 2;
    const where =
      entry.length === 0 ? `no bytes, at byte ${from}` : `bytes ${from} to ${from + entry.length - 1}`;
    return new TlogError(
      "STORE_DAMAGED",
      `entry ${leafIndex} (bundle ${bundle}, ${where}) hashes to ${encodeHex(entry.got)}, and its leaf hash is ${encodeHex(entry.want)}`,
    );
  }

  /** Of its bundle. */
  async #bytesBefore(leafIndex: number): Promise<number> {
    const start = leafIndex - (leafIndex % TILE_WIDTH);
    return start === leafIndex ? 0 : (await this.#read(start, leafIndex)).bytes.length;
  }
}

interface Leaves {
  readonly start: number;
  readonly leafHashes: Uint8Array;
}

interface Mismatch {
  readonly length: number;
  readonly got: Uint8Array;
  readonly want: Uint8Array;
}
