/** The upper part of a tree: the tiles of level 2 and above, and the right edge. What the signed root vouches for, from the top down. */
import { InvariantError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { bytesEqual, concatBytes } from "../tlog/encoding.ts";
import { formatTilePath, TILE_WIDTH, type Tile, tilesAt } from "../tlog/tile.ts";
import { reportHashes } from "./diagnose.ts";
import type { FindingList } from "./finding.ts";
import { edgeWidths, hashAt, rightHashes, rootOfEdges } from "./hashing.ts";
import { SLICE_LEAVES, type SliceJob } from "./slice.ts";
import { type Piece, pieceOf, type TreeSource } from "./source.ts";
import { TileHasher } from "./tile-hasher.ts";

/** A tile of the upper part, or a partial one, as it was read. */
export interface SpineTile {
  readonly tile: Tile;
  readonly piece: Piece;
}

/** Reads the tiles of level 2 and above, and the partial ones below: a hash for every 65,536 leaves. */
export async function readSpine(source: TreeSource, treeSize: number): Promise<readonly SpineTile[]> {
  const tiles: SpineTile[] = [];
  for (const tile of spineTiles(treeSize)) tiles.push({ tile, piece: await pieceOf(source.readTile(tile)) });
  return tiles;
}

function spineTiles(treeSize: number): readonly Tile[] {
  const edges = edgeWidths(treeSize).map((width, level) => ({
    level,
    index: Math.floor(Math.floor(treeSize / TILE_WIDTH ** level) / TILE_WIDTH),
    width,
  }));
  const low = edges.slice(0, 2).filter(({ width }) => width > 0);
  return [...low, ...upperTiles(treeSize)];
}

/** `tilesAt` would list the many tiles of the lower levels first. */
function upperTiles(treeSize: number): readonly Tile[] {
  return [...tilesAt(Math.floor(treeSize / SLICE_LEAVES))].map((tile) => ({
    ...tile,
    level: tile.level + 2,
  }));
}

/** What the slices hash to. */
export interface DerivedTree {
  /** Of each full slice its hash, in order, concatenated. */
  readonly slices: Uint8Array;
  /** Of the last one, when it is not full. */
  readonly level1: Uint8Array;
  readonly level0: Uint8Array;
}

export class Spine {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** Whether what is stored hashes to the root by itself. */
  readonly wasSound: boolean;
  readonly #read: ReadonlyMap<string, SpineTile>;
  readonly #widths: readonly number[];
  readonly #hasher = new TileHasher();
  /** By path: hashes that the signed root vouches for. Owned by #prove(). */
  readonly #proven = new Map<string, Uint8Array>();

  constructor(args: {
    readonly treeSize: number;
    /** The root that counts. */
    readonly rootHash: Uint8Array;
    readonly tiles: readonly SpineTile[];
  }) {
    this.treeSize = args.treeSize;
    this.rootHash = args.rootHash;
    this.#read = new Map(args.tiles.map((read) => [formatTilePath(read.tile), read]));
    this.#widths = edgeWidths(args.treeSize);
    this.#prove(undefined);
    this.wasSound = this.#widths.every((_, level) => this.#provenEdge(level) !== undefined);
  }

  /** What is known of a slice. */
  jobFor(index: number): SliceJob {
    const { treeSize } = this;
    if ((index + 1) * SLICE_LEAVES <= treeSize) {
      const tile = this.#tileAt(2, Math.floor(index / TILE_WIDTH));
      const hashes = this.#proven.get(formatTilePath(tile));
      const root = hashes && hashAt(hashes, index % TILE_WIDTH).slice();
      return { index, treeSize, root };
    }
    const [level0, level1] = [0, 1].map((level) => this.#provenEdge(level));
    return { index, treeSize, level0, level1 };
  }

  /** Takes what the slices hash to: where what is stored does not fit the root, it may. */
  complete(derived: DerivedTree): void {
    this.#prove(this.#derivedTiles(derived));
  }

  /** The root of what the slices hash to. */
  derivedRoot(derived: DerivedTree): Uint8Array {
    const tiles = this.#derivedTiles(derived);
    const edges = this.#edges((tile) => tiles.get(formatTilePath(tile)));
    if (edges === undefined) throw new InvariantError("a derived tree without an edge");
    return rootOfEdges(edges);
  }

  /** Adds what is wrong with the tiles of level 2 and above. */
  report(found: FindingList, derived: DerivedTree): void {
    const tiles = this.#derivedTiles(derived);
    for (const tile of upperTiles(this.treeSize)) {
      const path = formatTilePath(tile);
      const read = this.#read.get(path);
      const below = tiles.get(path) ?? new Uint8Array();
      const right = this.#proven.get(path);
      reportHashes(found, { tile, stored: read?.piece, held: heldIn(read), right, derived: below });
    }
  }

  /** From the edge, which the root is hashed from, down to level 2. @param derived - tiles by path, when they are known. */
  #prove(derived: ReadonlyMap<string, Uint8Array> | undefined): void {
    const stored = this.#edges((tile) => heldIn(this.#read.get(formatTilePath(tile))));
    const hashed = derived && this.#edges((tile) => derived.get(formatTilePath(tile)));
    const versions = [stored, hashed].map((edges) => edges && concatBytes(...edges));
    const right = rightHashes(versions, (all) => bytesEqual(rootOfEdges(this.#cut(all)), this.rootHash));
    if (right !== undefined) {
      for (const [level, hashes] of this.#cut(right).entries()) {
        if (hashes.length > 0) this.#proven.set(formatTilePath(this.#edgeTile(level)), hashes);
      }
    }
    const full = upperTiles(this.treeSize).filter(({ width }) => width === TILE_WIDTH);
    for (const tile of full.toSorted((a, b) => b.level - a.level)) this.#proveTile(tile, derived);
  }

  #proveTile(tile: Tile, derived: ReadonlyMap<string, Uint8Array> | undefined): void {
    const path = formatTilePath(tile);
    if (this.#proven.has(path)) return;
    const above = this.#tileAt(tile.level + 1, Math.floor(tile.index / TILE_WIDTH));
    const hashes = this.#proven.get(formatTilePath(above));
    if (hashes === undefined) return;
    const root = hashAt(hashes, tile.index % TILE_WIDTH);
    const versions = [heldIn(this.#read.get(path)), derived?.get(path)];
    const right = rightHashes(versions, (one) => bytesEqual(this.#hasher.root(one), root));
    if (right !== undefined) this.#proven.set(path, right);
  }

  /** Tiles of level 2 and above, and the partial ones below, from what the slices hash to. */
  #derivedTiles({ slices, level1, level0 }: DerivedTree): ReadonlyMap<string, Uint8Array> {
    const tiles = new Map<string, Uint8Array>();
    const lower = [level0, level1];
    for (const [level, hashes] of lower.entries()) {
      if (hashes.length > 0) tiles.set(formatTilePath(this.#edgeTile(level)), hashes);
    }
    for (let level = 2, hashes = slices; hashes.length > 0; level++) {
      const tilesHere = Math.ceil(hashes.length / HASH_BYTES / TILE_WIDTH);
      const roots: Uint8Array[] = [];
      for (let index = 0; index < tilesHere; index++) {
        const own = hashes.subarray(index * TILE_WIDTH * HASH_BYTES, (index + 1) * TILE_WIDTH * HASH_BYTES);
        tiles.set(formatTilePath({ level, index, width: own.length / HASH_BYTES }), own);
        if (own.length === TILE_WIDTH * HASH_BYTES) roots.push(this.#hasher.root(own));
      }
      hashes = concatBytes(...roots);
    }
    return tiles;
  }

  /** The hashes of each level's partial tile, none where there is none; undefined when one of them is not known. */
  #edges(hashesOf: (tile: Tile) => Uint8Array | undefined): readonly Uint8Array[] | undefined {
    const edges: Uint8Array[] = [];
    for (const [level, width] of this.#widths.entries()) {
      const hashes = width === 0 ? new Uint8Array() : hashesOf(this.#edgeTile(level));
      if (hashes === undefined) return undefined;
      edges.push(hashes);
    }
    return edges;
  }

  /** Cuts the edges' hashes, one level after the other, apart. */
  #cut(all: Uint8Array): readonly Uint8Array[] {
    let at = 0;
    return this.#widths.map((width) => {
      const start = at;
      at += width * HASH_BYTES;
      return all.subarray(start, at);
    });
  }

  #provenEdge(level: number): Uint8Array | undefined {
    const width = this.#widths[level] ?? 0;
    return width === 0 ? new Uint8Array() : this.#proven.get(formatTilePath(this.#edgeTile(level)))?.slice();
  }

  #edgeTile(level: number): Tile {
    const held = Math.floor(this.treeSize / TILE_WIDTH ** level);
    return { level, index: Math.floor(held / TILE_WIDTH), width: held % TILE_WIDTH };
  }

  #tileAt(level: number, index: number): Tile {
    const held = Math.floor(this.treeSize / TILE_WIDTH ** level);
    return { level, index, width: Math.min(TILE_WIDTH, held - index * TILE_WIDTH) };
  }
}

function heldIn(read: SpineTile | undefined): Uint8Array | undefined {
  const bytes = read?.piece.bytes;
  return bytes !== undefined && bytes.length === (read?.tile.width ?? 0) * HASH_BYTES ? bytes : undefined;
}
