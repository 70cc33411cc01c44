/** Reads every entry of a log once, in order; each was tied to a verified head by the client, and is hashed into a tree of this monitor's own. */
import { readEntries } from "../../client/entries.ts";
import type { Fetcher } from "../../client/fetcher.ts";
import type { LogHead } from "../../client/log-head.ts";
import { memoryTiles, type TileCache } from "../../client/tile-cache.ts";
import { openTileSource, type TileSource, type TreeHead } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import { type CompactRange, emptyRange, peakCoordinates, rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { failureKind } from "./failure-kind.ts";
import { seenEntry } from "./matchers.ts";
import { ReadBatch, type ReadBatchOptions } from "./read-batch.ts";
import { openRecorder } from "./served-bytes.ts";
import type { WrongBytes } from "./wrong-bytes.ts";

export interface EntryReaderOptions extends ReadBatchOptions {
  readonly fetcher: Fetcher;
  readonly cache: TileCache;
}

/** Entries of one piece: then other logs have their turn. */
const PIECE_ENTRIES = 64 * TILE_WIDTH;
/** So do they when a log is slow: a turn ends with the bundle after that. */
const TURN_MS = 10_000;

/** Entries that are not those that were signed: with the code that says why, and what was served. */
export class WrongEntriesError extends TlogError {
  readonly kept: Pick<WrongBytes, "checkpoint" | "asked" | "served">;

  constructor(cause: TlogError, kept: WrongEntriesError["kept"] & { asked: { start: number; end: number } }) {
    const { start, end } = kept.asked;
    const from = Math.floor(start / TILE_WIDTH) * TILE_WIDTH;
    super(cause.code, `entries ${from} to ${end - 1}: ${cause.message}`, { cause });
    this.kept = kept;
  }
}

/** What entries are read through. */
interface Source {
  readonly fetcher: Fetcher;
  readonly tiles: TileSource;
}

export class EntryReader {
  readonly #options: EntryReaderOptions;
  readonly #source: Source;

  constructor(options: EntryReaderOptions) {
    this.#options = options;
    const { fetcher, cache, log } = options;
    this.#source = { fetcher, tiles: openTileSource({ origin: log.trust.origin, fetcher, cache }) };
  }

  /**
   * Reads on from where the record is, at most one piece; none while too many alerts wait. One at a time. Of a piece that has a wrong byte all
   * is read that comes before its bundle.
   * @throws {TlogError} ROOT_MISMATCH | ENTRY_MISMATCH | BUNDLE_MALFORMED | TILE_MALFORMED (other bytes than were signed: a
   *   {@link WrongEntriesError}), the network's codes, ABORTED
   */
  async readPiece(head: LogHead, signal: AbortSignal): Promise<void> {
    const start = (this.#options.record.state.read ?? (await this.#begin(head, signal)))?.treeSize;
    if (start === undefined) return;
    const end = bundleEnd(start + PIECE_ENTRIES, head);
    try {
      await this.#read(this.#source, { head, end, signal });
    } catch (error) {
      if (!isWrongBytes(error)) throw error;
      for (let from = this.#position; from < end && this.#options.record.hasRoom; from = this.#position) {
        await this.#readBundle({ head, end: bundleEnd(from + TILE_WIDTH, head), signal });
      }
    }
    this.#assertRoot(head);
  }

  get #position(): number {
    return this.#options.record.state.read?.treeSize ?? 0;
  }

  /** Remembers what is served, and asks for all of it: a cache holds only what fits. */
  async #readBundle(range: { head: LogHead; end: number; signal: AbortSignal }): Promise<void> {
    const { fetcher, log } = this.#options;
    const recorder = openRecorder(fetcher);
    const tiles = openTileSource({
      origin: log.trust.origin,
      fetcher: recorder.fetcher,
      cache: memoryTiles(),
    });
    const asked = { start: this.#position, end: range.end };
    try {
      await this.#read({ fetcher: recorder.fetcher, tiles }, range);
    } catch (error) {
      if (!isWrongBytes(error)) throw error;
      const checkpoint = range.head.signedNote;
      throw new WrongEntriesError(error, { checkpoint, asked, served: recorder.take() });
    }
  }

  async #read(
    source: Source,
    { head, end, signal }: { head: TreeHead; end: number; signal: AbortSignal },
  ): Promise<void> {
    const { record, log, now } = this.#options;
    const start = this.#position;
    const startedMs = now();
    if (start >= end || !record.hasRoom) return;
    const batch = new ReadBatch(this.#options, signal);
    try {
      for await (const entry of readEntries(source, { head, start, end, signal })) {
        const found = batch.add(seenEntry(log.trust.origin, entry));
        if (found !== undefined) await found;
        if (batch.isDue) await batch.write();
        if (!record.hasRoom || (batch.isAtBundleEnd && now() - startedMs > TURN_MS)) return;
      }
    } finally {
      // What came before a wrong byte was right.
      await batch.write();
    }
  }

  /** All that was read, over all restarts, is what was signed. */
  #assertRoot({ treeSize, rootHash }: TreeHead): void {
    const { read } = this.#options.record.state;
    if (read === undefined || read.treeSize !== treeSize || hashesEqual(rangeRoot(read), rootHash)) return;
    throw new TlogError(
      "ROOT_MISMATCH",
      `the ${treeSize} entries that were read are not those that were signed`,
    );
  }

  /** The tree before the first entry that is to be read; undefined: the log is not there yet. */
  async #begin(head: TreeHead, signal: AbortSignal): Promise<CompactRange | undefined> {
    const { log, record } = this.#options;
    const from = record.state.from ?? (log.from === "now" ? head.treeSize : log.from);
    if (from > head.treeSize) return undefined;
    const read = from === 0 ? emptyRange() : await this.#rangeAt(from, head, signal);
    await record.change((state) => ({ ...state, from, read }));
    return read;
  }

  async #rangeAt(treeSize: number, head: TreeHead, signal: AbortSignal): Promise<CompactRange> {
    const nodes = peakCoordinates(treeSize);
    const read = await this.#source.tiles.readNodes({ head, nodes, signal });
    return { treeSize, peaks: nodes.map(read) };
  }
}

function isWrongBytes(error: unknown): error is TlogError {
  return error instanceof TlogError && failureKind(error) === "wrong-bytes";
}

/** The last full bundle's end up to there, or the tree's. */
function bundleEnd(index: number, { treeSize }: TreeHead): number {
  return Math.min(treeSize, Math.floor(index / TILE_WIDTH) * TILE_WIDTH);
}
