/** Checks a slice of a log: 65,536 entries, their leaf hashes in 256 tiles, and the tile above them. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { entryOffsets } from "../tlog/entry-bundle.ts";
import { formatTilePath, TILE_WIDTH, type Tile } from "../tlog/tile.ts";
import { diagnoseTile, reportHashes } from "./diagnose.ts";
import { extentOf, FindingList, type Found } from "./finding.ts";
import { hashAt, rightHashes } from "./hashing.ts";
import { damageIn, type Piece, pieceOf, type TreeSource } from "./source.ts";
import { TileHasher } from "./tile-hasher.ts";

export const SLICE_TILES = TILE_WIDTH;
export const SLICE_LEAVES = SLICE_TILES * TILE_WIDTH;

/** Tiles, or bytes of entries, after which others get a turn: some milliseconds of work. */
const TILES_PER_TURN = 16;
const BYTES_PER_TURN = 4 * 1024 * 1024;
const MAX_FINDINGS = 100;
const INNER_BYTES_OF_ENTRY = 4;

/** Which slice, and what is known of it from above: hashes that the signed root vouches for, as far as it does. */
export interface SliceJob {
  readonly index: number;
  readonly treeSize: number;
  /** Of a full slice: its hash in level 2. */
  readonly root?: Uint8Array | undefined;
  /** Of the last one, when it is not full: its hashes in level 1, one for each full tile, and those of its partial tile. */
  readonly level1?: Uint8Array | undefined;
  readonly level0?: Uint8Array | undefined;
}

export interface SliceResult {
  readonly found: Found;
  readonly entries: number;
  readonly bytes: number;
  /**
   * What the entries hash to: of full tiles their roots, of the partial one its leaves. Where entries cannot be read, what is stored.
   * Of a full slice the first is one hash, its own.
   */
  readonly derived: { readonly upper: Uint8Array; readonly level0: Uint8Array };
}

export interface SliceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how much was checked since it was told last. */
  readonly onProgress?: ((done: { readonly entries: number; readonly bytes: number }) => void) | undefined;
  /** Lets others have a turn, told how many bytes were read since the last; default: nobody else is there. */
  readonly otherWork?: ((bytes: number) => Promise<void>) | undefined;
}

/** @throws {TlogError} ABORTED, and what the source throws that is no damage */
export async function checkSlice(
  source: TreeSource,
  job: SliceJob,
  options: SliceOptions = {},
): Promise<SliceResult> {
  return await new SliceCheck(source, job).run(options);
}

/** A tile and its entries, as they were read. */
interface Reading {
  readonly tile: Tile;
  readonly bundle: Piece;
  readonly stored: Piece;
  readonly inner: Uint8Array | undefined;
  readonly innerProblem: string | undefined;
}

class SliceCheck {
  readonly #source: TreeSource;
  readonly #job: SliceJob;
  readonly #found = new FindingList(MAX_FINDINGS);
  readonly #hasher = new TileHasher();
  readonly #fullTiles: number;
  readonly #partialWidth: number;
  /** Roots of the full tiles; owned by #take(). */
  readonly #roots: Uint8Array;
  /** What is wrong with inner nodes, by the place of their tile; owned by #takeInner(). */
  readonly #inner = new Map<number, string>();
  /** Places of tiles whose entries and hashes do not fit each other; owned by #take(). */
  readonly #suspects: number[] = [];
  #leaves: Uint8Array = new Uint8Array(); // of the partial tile; owned by #take()
  #entries = 0; // owned by #take()
  #bytes = 0; // owned by #take()

  constructor(source: TreeSource, job: SliceJob) {
    this.#source = source;
    this.#job = job;
    const leaves = Math.min(SLICE_LEAVES, job.treeSize - job.index * SLICE_LEAVES);
    this.#fullTiles = Math.floor(leaves / TILE_WIDTH);
    this.#partialWidth = leaves % TILE_WIDTH;
    this.#roots = new Uint8Array(this.#fullTiles * HASH_BYTES);
  }

  async run(options: SliceOptions): Promise<SliceResult> {
    await this.#readAll(options);
    await this.#judge();
    const isFull = this.#fullTiles === SLICE_TILES;
    return {
      found: this.#found.found(),
      entries: this.#entries,
      bytes: this.#bytes,
      derived: { upper: isFull ? this.#hasher.root(this.#roots) : this.#roots, level0: this.#leaves },
    };
  }

  async #readAll({ signal, onProgress, otherWork }: SliceOptions): Promise<void> {
    const count = this.#fullTiles + (this.#partialWidth > 0 ? 1 : 0);
    const ahead: Promise<Reading>[] = [];
    let told = { entries: 0, bytes: 0 };
    const tell = () => {
      const done = { entries: this.#entries - told.entries, bytes: this.#bytes - told.bytes };
      onProgress?.(done);
      told = { entries: this.#entries, bytes: this.#bytes };
      return done;
    };
    for (let place = 0, asked = 0; place < count; place++) {
      if (signal?.aborted) throw new TlogError("ABORTED", "the check was ended", { cause: signal.reason });
      for (; asked < count && asked <= place + this.#source.readAhead; asked++) {
        const reading = this.#read(this.#tileAt(asked));
        // Reported when its turn comes.
        reading.catch(() => {});
        ahead.push(reading);
      }
      const reading = await ahead.shift();
      if (reading !== undefined) this.#take(place, reading);
      const isTurnOver =
        place % TILES_PER_TURN === TILES_PER_TURN - 1 || this.#bytes - told.bytes >= BYTES_PER_TURN;
      if (isTurnOver) await otherWork?.(bytesRead(tell()));
    }
    await otherWork?.(bytesRead(tell()));
  }

  async #read(tile: Tile): Promise<Reading> {
    const [bundle, stored, inner] = await Promise.all([
      pieceOf(this.#source.readBundle({ index: tile.index, width: tile.width })),
      pieceOf(this.#source.readTile(tile)),
      this.#readInner(tile),
    ]);
    return { tile, bundle, stored, inner: inner?.bytes, innerProblem: inner?.problem };
  }

  async #readInner({
    index,
    width,
  }: Tile): Promise<{ readonly bytes?: Uint8Array; readonly problem?: string }> {
    try {
      const { readInner, readOpenInner } = this.#source;
      const bytes = await (width === TILE_WIDTH ? readInner?.(index) : readOpenInner?.(this.#job.treeSize));
      return bytes === undefined ? {} : { bytes };
    } catch (error) {
      return { problem: damageIn(error) };
    }
  }

  #take(place: number, { tile, bundle, stored, inner, innerProblem }: Reading): void {
    this.#entries += tile.width;
    this.#bytes += bundle.bytes?.length ?? 0;
    const derived = leafHashesOf(bundle, tile.width, this.#hasher);
    const held = stored.bytes?.length === tile.width * HASH_BYTES ? stored.bytes : undefined;
    const isSound = derived !== undefined && held !== undefined && bytesEqual(derived, held);
    if (!isSound) this.#suspects.push(place);
    const leaves = derived ?? held ?? new Uint8Array(tile.width * HASH_BYTES);
    if (tile.width < TILE_WIDTH) {
      this.#leaves = leaves;
      if (isSound)
        this.#takeInner(place, { inner, problem: innerProblem, right: this.#hasher.openInner(leaves) });
      return;
    }
    this.#roots.set(this.#hasher.root(leaves), place * HASH_BYTES);
    if (isSound) this.#takeInner(place, { inner, problem: innerProblem, right: this.#hasher.inner() });
  }

  #takeInner(
    place: number,
    of: {
      readonly inner: Uint8Array | undefined;
      readonly problem: string | undefined;
      readonly right: Uint8Array;
    },
  ): void {
    const { inner, problem, right } = of;
    if (problem === undefined && (inner === undefined || bytesEqual(inner, right))) return;
    this.#inner.set(
      place,
      problem ?? `they are not those of its leaves, from byte ${firstOther(inner, right)} on`,
    );
  }

  #reportInner(place: number, detail: string): void {
    const tile = this.#tileAt(place);
    this.#found.add({
      kind: "inner-nodes",
      where: `inner nodes of ${formatTilePath(tile)}`,
      detail,
      cause: "corruption",
      remedy: "derive",
      leafIndex: tile.index * TILE_WIDTH,
    });
  }

  /** Finds out which of what does not fit is right. */
  async #judge(): Promise<void> {
    const { index } = this.#job;
    const upper: Tile = { level: 1, index, width: this.#fullTiles };
    const stored = upper.width === 0 ? undefined : await pieceOf(this.#source.readTile(upper));
    const held = stored?.bytes?.length === upper.width * HASH_BYTES ? stored.bytes : undefined;
    const right = this.#rightUpper(held);
    const agrees = held !== undefined && bytesEqual(held, this.#roots);
    if (upper.width > 0 && right === undefined && agrees && this.#job.root !== undefined) this.#addHistory();
    if (upper.width > 0) {
      reportHashes(this.#found, { tile: upper, stored, held, right, derived: this.#roots });
    }
    const suspects = new Set(this.#suspects);
    for (let place = 0; place < this.#fullTiles; place++) {
      const root = right && hashAt(right, place);
      if (root !== undefined && !bytesEqual(root, hashAt(this.#roots, place))) suspects.add(place);
    }
    // Of a tile that was written anew they may be the right ones.
    for (const [place, detail] of this.#inner) if (!suspects.has(place)) this.#reportInner(place, detail);
    for (const place of [...suspects].sort((a, b) => a - b)) {
      const tile = this.#tileAt(place);
      const isFull = tile.width === TILE_WIDTH;
      await diagnoseTile(this.#source, this.#found, {
        tile,
        ...(isFull && right !== undefined && { root: hashAt(right, place) }),
        ...(!isFull && { leaves: this.#job.level0 }),
        hasher: this.#hasher,
      });
    }
  }

  /** The hashes of the tile above that are right; undefined when that is not known. */
  #rightUpper(held: Uint8Array | undefined): Uint8Array | undefined {
    const { root, level1 } = this.#job;
    if (this.#fullTiles < SLICE_TILES) return level1;
    if (root === undefined) return undefined;
    return rightHashes([held, this.#roots], (hashes) => bytesEqual(this.#hasher.root(hashes), root));
  }

  #addHistory(): void {
    const start = this.#job.index * SLICE_LEAVES;
    this.#found.add({
      kind: "history",
      where: `entries ${start} to ${start + this.#fullTiles * TILE_WIDTH - 1}`,
      detail: `they agree with ${formatTilePath({ level: 0, index: start / TILE_WIDTH, width: TILE_WIDTH })} and the tiles beside and above it, and not with the tree that was signed`,
      cause: "tampering",
      remedy: "copy",
      leafIndex: start,
      spoils: [
        { level: "entries", from: start / TILE_WIDTH, to: start / TILE_WIDTH + this.#fullTiles },
        { level: 0, from: start / TILE_WIDTH, to: start / TILE_WIDTH + this.#fullTiles },
        extentOf(1, this.#job.index),
      ],
    });
  }

  #tileAt(place: number): Tile {
    const index = this.#job.index * SLICE_TILES + place;
    return { level: 0, index, width: place < this.#fullTiles ? TILE_WIDTH : this.#partialWidth };
  }
}

/** With hashes and inner nodes. */
function bytesRead({ entries, bytes }: { readonly entries: number; readonly bytes: number }): number {
  return bytes + entries * (HASH_BYTES + INNER_BYTES_OF_ENTRY);
}

/** The leaf hashes of entries; undefined when they cannot be read. */
function leafHashesOf({ bytes }: Piece, width: number, hasher: TileHasher): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  try {
    return hasher.leafHashes({ bytes, offsets: entryOffsets(bytes, width) });
  } catch (error) {
    if (error instanceof TlogError && error.code === "BUNDLE_MALFORMED") return undefined;
    throw error;
  }
}

function firstOther(a: Uint8Array | undefined, b: Uint8Array): number {
  return b.findIndex((byte, at) => byte !== a?.[at]);
}
