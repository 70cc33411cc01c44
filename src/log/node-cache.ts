import { InvariantError, TlogError } from "../errors.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";
import type { ReadTile } from "../tlog/tile-reader.ts";
import { completeNodes, copyHash, nodeOffset, TILE_NODE_BYTES } from "./tile-nodes.ts";
import { TileSummaries } from "./tile-summaries.ts";
import { TreeEdges } from "./tree-edges.ts";
import { Turns } from "./turns.ts";

/** The most a cache holds. Tiles above level 0 of a log of 100 million leaves, and what is kept of its level 0, fit. */
const DEFAULT_LIMITS = { maxTiles: 1536, maxSummaryBytes: 56 * 2 ** 20 };

/** Of the newest tiles of level 0. */
const MAX_OPEN_TILES = 16;

/** A tile whose nodes are all held. */
interface HeldTile {
  /** How many of its hashes are there; nodes above fewer are not. */
  width: number; // owned by NodeCache.#hold()
  readonly nodes: Uint8Array;
}

/** Writes a node of one tile to out[offset, offset + 32). */
type TileNodeReader = (
  node: { readonly height: number; readonly position: number },
  out: Uint8Array,
  offset: number,
) => void;

/**
 * Inner nodes of a log's tree, from its tiles. Tiles are opened up once: those above level 0, which every proof needs, and those
 * that were partial when they were asked for are held whole; of the many full tiles of level 0 a few nodes are ({@link
 * TileSummaries}), and their leaves are read each time. Bounded in bytes whatever is asked. spec/decisions/0028
 */
export class NodeCache {
  /** What proofs in one tree have in common, from the nodes here. */
  readonly edges: TreeEdges = new TreeEdges((nodes, treeSize) => this.read(nodes, treeSize));
  /** For those who need many nodes. */
  readonly turns: Turns = new Turns();
  readonly #readTile: ReadTile;
  readonly #upper: Map<number, HeldTile> = new Map(); // owned by #hold(), as is the next
  readonly #open: Map<number, HeldTile> = new Map();
  readonly #maxTiles: number;
  readonly #summaries: TileSummaries;

  constructor(
    readTile: ReadTile,
    limits: { readonly maxTiles: number; readonly maxSummaryBytes: number } = DEFAULT_LIMITS,
  ) {
    this.#readTile = readTile;
    this.#maxTiles = limits.maxTiles;
    this.#summaries = new TileSummaries(limits.maxSummaryBytes);
  }

  /**
   * The hashes of `nodes`, in order, concatenated: the caller's own.
   * @param treeSize - of a tree that has all leaves below the nodes. The larger, the fewer tiles are partial in it.
   * @throws {TlogError} ARGUMENT_INVALID (a node is not complete in that tree) | what reading a tile throws
   */
  async read(nodes: readonly NodeCoordinate[], treeSize: number): Promise<Uint8Array> {
    const hashes = new Uint8Array(nodes.length * HASH_BYTES);
    const readers = new Map<number, TileNodeReader>();
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at];
      if (node === undefined) throw new InvariantError("a list with a hole");
      if ((node.index + 1) * 2 ** node.level > treeSize) throw notComplete(node, treeSize);
      const level = Math.floor(node.level / TILE_HEIGHT);
      const height = node.level % TILE_HEIGHT;
      const inTile = 2 ** (TILE_HEIGHT - height);
      const index = Math.floor(node.index / inTile);
      const key = keyOf(level, index);
      let reader = readers.get(key);
      if (reader === undefined) {
        reader = await this.#reader({ level, index }, treeSize);
        readers.set(key, reader);
      }
      reader({ height, position: node.index % inTile }, hashes, at * HASH_BYTES);
    }
    return hashes;
  }

  /**
   * Writes the siblings on the way from a leaf up to the perfect subtree of `height` above it to out[0, 32 * height).
   * Throws as {@link read}.
   */
  async siblingsInto(
    { leafIndex, height, treeSize }: { leafIndex: number; height: number; treeSize: number },
    out: Uint8Array,
  ): Promise<void> {
    let position = leafIndex;
    for (let level = 0; level * TILE_HEIGHT < height; level++) {
      const index = Math.floor(position / TILE_WIDTH);
      const tile = { level, index };
      const read = this.#heldReader(tile, treeSize) ?? (await this.#reader(tile, treeSize));
      let within = position % TILE_WIDTH;
      for (let at = 0; at < Math.min(TILE_HEIGHT, height - level * TILE_HEIGHT); at++) {
        const sibling = within % 2 === 0 ? within + 1 : within - 1;
        read({ height: at, position: sibling }, out, (level * TILE_HEIGHT + at) * HASH_BYTES);
        within = Math.floor(within / 2);
      }
      position = index;
    }
  }

  async #reader(tile: { level: number; index: number }, treeSize: number): Promise<TileNodeReader> {
    const held = this.#heldReader(tile, treeSize);
    if (held !== undefined) return held;
    const { level, index } = tile;
    const width = widthAt(tile, treeSize);
    const hashes = await this.#readTile({ level, index, width });
    if (hashes.length !== width * HASH_BYTES) {
      throw new TlogError("TILE_MALFORMED", `tile: want ${width} hashes, got ${hashes.length} bytes`);
    }
    if (level > 0 || width < TILE_WIDTH) return readerOf(this.#hold(tile, hashes));
    return this.#summaryReader(index, hashes, treeSize);
  }

  #heldReader(tile: { level: number; index: number }, treeSize: number): TileNodeReader | undefined {
    const { level, index } = tile;
    const held = (level === 0 ? this.#open : this.#upper).get(keyOf(level, index));
    return held === undefined || held.width < widthAt(tile, treeSize) ? undefined : readerOf(held);
  }

  #summaryReader(index: number, leaves: Uint8Array, treeSize: number): TileNodeReader {
    this.#summaries.fit(Math.floor(treeSize / TILE_WIDTH));
    const summary = this.#summaries.of(index);
    if (summary !== undefined) {
      return (node, out, offset) => summary.hashInto(node, leaves, out, offset);
    }
    const nodes = new Uint8Array(TILE_NODE_BYTES);
    nodes.set(leaves);
    completeNodes(nodes, 0, TILE_WIDTH);
    this.#summaries.keep(index, nodes);
    return readerOf({ width: TILE_WIDTH, nodes });
  }

  /** Holds a tile, or more of it; the one that was held longest goes when there are too many. */
  #hold({ level, index }: { level: number; index: number }, hashes: Uint8Array): HeldTile {
    const tiles = level === 0 ? this.#open : this.#upper;
    const max = level === 0 ? Math.min(MAX_OPEN_TILES, this.#maxTiles) : this.#maxTiles;
    const key = keyOf(level, index);
    const held = tiles.get(key) ?? { width: 0, nodes: new Uint8Array(TILE_NODE_BYTES) };
    const width = hashes.length / HASH_BYTES;
    // Another request may have brought more while this one was reading.
    if (width > held.width) {
      held.nodes.set(hashes.subarray(held.width * HASH_BYTES), held.width * HASH_BYTES);
      completeNodes(held.nodes, held.width, width);
      held.width = width;
    }
    if (!tiles.has(key)) {
      for (const oldest of tiles.keys()) {
        if (tiles.size < max) break;
        tiles.delete(oldest);
      }
      tiles.set(key, held);
    }
    return held;
  }
}

function readerOf({ nodes }: HeldTile): TileNodeReader {
  return ({ height, position }, out, offset) => copyHash(nodes, nodeOffset(height, position), out, offset);
}

/** How many hashes of a tile that exists there are in a tree. */
function widthAt({ level, index }: { level: number; index: number }, treeSize: number): number {
  return Math.min(Math.floor(treeSize / TILE_WIDTH ** level) - index * TILE_WIDTH, TILE_WIDTH);
}

/** Below 2^53: a tile of level 0 has an index below 2^45, one above far less, and there are 7 levels. */
function keyOf(level: number, index: number): number {
  return index * 8 + level;
}

function notComplete({ level, index }: NodeCoordinate, treeSize: number): TlogError {
  return new TlogError(
    "ARGUMENT_INVALID",
    `node (level ${level}, index ${index}) is not complete in a tree of size ${treeSize}`,
  );
}
