import { InvariantError, TlogError } from "../errors.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { HASH_BYTES, hashesEqualAt, parentHashesInto } from "../merkle/hash.ts";
import type { LogReader } from "../store/store.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";
import type { ReadTile } from "../tlog/tile-reader.ts";
import { areInnerNodes, damagedTile, type HashAt, StoredTile, writeSectionSiblings } from "./stored-tile.ts";
import { completeNodes, copyHash, nodeOffset, perfectRootInto, TILE_NODE_BYTES } from "./tile-nodes.ts";
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
 * that were partial when they were asked for are held whole; of the many full tiles of level 0 storage has a few nodes, which are
 * read each time with the leaves. Of those that were written before storage kept nodes some are held here ({@link TileSummaries}).
 * Stored nodes are derived data, and no reason to refuse: where they do not fit, the 256 leaves answer, compared with the tile above.
 * So is each full tile that is held: one that was read wrong once would be in all proofs until the end.
 * Bounded in bytes whatever is asked. spec/decisions/0028 and 0033
 */
export class NodeCache {
  /** What proofs in one tree have in common, from the nodes here. */
  readonly edges: TreeEdges = new TreeEdges((nodes, treeSize) => this.read(nodes, treeSize));
  /** For those who need many nodes. */
  readonly turns: Turns = new Turns();
  readonly #readTile: ReadTile;
  readonly #readSection: LogReader["readSection"];
  readonly #upper: Map<number, HeldTile> = new Map(); // owned by #hold(), as is the next
  readonly #newest: Map<number, HeldTile> = new Map();
  readonly #maxTiles: number;
  readonly #summaries: TileSummaries;
  readonly #onUnfit: (tile: number) => void;
  #isUnfitTold = false; // owned by #tellUnfit()

  /** @param storage - where stored nodes are read; `onUnfit` is told of the first tile of level 0 whose nodes are not its own. */
  constructor(
    readTile: ReadTile,
    limits: { readonly maxTiles: number; readonly maxSummaryBytes: number } = DEFAULT_LIMITS,
    storage: {
      readonly readSection?: LogReader["readSection"];
      readonly onUnfit?: (tile: number) => void;
    } = {},
  ) {
    this.#readTile = readTile;
    this.#readSection = storage.readSection ?? (async () => undefined);
    this.#onUnfit = storage.onUnfit ?? (() => undefined);
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
   * Writes the siblings on the way from a leaf up to the perfect subtree of `height` above it, those of heights [from, height), to
   * out[0, 32 * (height - from)). Throws as {@link read}.
   * @param way.from - 0, the default, or a multiple of TILE_HEIGHT.
   */
  async siblingsInto(
    way: {
      readonly leafIndex: number;
      readonly from?: number;
      readonly height: number;
      readonly treeSize: number;
    },
    out: Uint8Array,
  ): Promise<void> {
    const { leafIndex, from = 0, height, treeSize } = way;
    const isDone = from === 0 && (await this.#storedSiblingsInto({ leafIndex, height, treeSize }, out));
    const start = isDone ? 1 : from / TILE_HEIGHT;
    let position = Math.floor(leafIndex / TILE_WIDTH ** start);
    for (let level = start; level * TILE_HEIGHT < height; level++) {
      const index = Math.floor(position / TILE_WIDTH);
      const tile = { level, index };
      const read = this.#heldReader(tile, treeSize) ?? (await this.#reader(tile, treeSize));
      let within = position % TILE_WIDTH;
      for (let at = 0; at < Math.min(TILE_HEIGHT, height - level * TILE_HEIGHT); at++) {
        const sibling = within % 2 === 0 ? within + 1 : within - 1;
        read({ height: at, position: sibling }, out, (level * TILE_HEIGHT + at - from) * HASH_BYTES);
        within = Math.floor(within / 2);
      }
      position = index;
    }
  }

  /** Those inside the tile of the leaf, when storage has its inner nodes and they fit; else false. */
  async #storedSiblingsInto(
    { leafIndex, height, treeSize }: { leafIndex: number; height: number; treeSize: number },
    out: Uint8Array,
  ): Promise<boolean> {
    const index = Math.floor(leafIndex / TILE_WIDTH);
    const tile = { level: 0, index };
    if (widthAt(tile, treeSize) < TILE_WIDTH || this.#held(tile, treeSize) !== undefined) return false;
    const section = await this.#readSection(leafIndex);
    if (section === undefined) return false;
    const root = this.#heldRoot(index, treeSize) ?? (await this.#rootOf(tile, treeSize));
    return writeSectionSiblings({ section, leafIndex, height, root }, out);
  }

  async #reader(tile: { level: number; index: number }, treeSize: number): Promise<TileNodeReader> {
    const held = this.#heldReader(tile, treeSize);
    if (held !== undefined) return held;
    if (tile.level > 0 || widthAt(tile, treeSize) < TILE_WIDTH) {
      return readerOf(await this.#open(tile, treeSize));
    }
    const leaves = await this.#hashesOf(tile, treeSize);
    const stored = await this.#readSection(tile.index * TILE_WIDTH);
    if (stored === undefined) return await this.#summaryReader(tile.index, leaves, treeSize);
    const root = await this.#rootOf(tile, treeSize);
    if (!areInnerNodes(stored.nodes, root)) {
      const nodes = nodesAbove(leaves, { index: tile.index, root });
      this.#tellUnfit(tile.index);
      return readerOf({ nodes });
    }
    const checked = new StoredTile({ index: tile.index, leaves, nodes: stored.nodes });
    return (node, out, offset) => checked.hashInto(node, out, offset);
  }

  async #open(tile: { level: number; index: number }, treeSize: number): Promise<HeldTile> {
    const held = this.#held(tile, treeSize);
    if (held !== undefined) return held;
    const hashes = await this.#hashesOf(tile, treeSize);
    if (tile.level === 0 || hashes.length < TILE_WIDTH * HASH_BYTES) return this.#hold(tile, hashes);
    const root = await this.#rootOf(tile, treeSize);
    const opened = this.#hold(tile, hashes);
    const pair = nodeOffset(TILE_HEIGHT - 1, 0);
    const own = new Uint8Array(HASH_BYTES);
    parentHashesInto({ hashes: opened.nodes, from: pair, pairs: 1 }, own, 0);
    if (hashesEqualAt(own, 0, root.bytes, root.at)) return opened;
    this.#upper.delete(keyOf(tile.level, tile.index));
    throw new TlogError(
      "STORE_DAMAGED",
      `tile level ${tile.level} index ${tile.index}: its hashes are not those below the tile above`,
    );
  }

  async #hashesOf(tile: { level: number; index: number }, treeSize: number): Promise<Uint8Array> {
    const width = widthAt(tile, treeSize);
    const hashes = await this.#readTile({ level: tile.level, index: tile.index, width });
    if (hashes.length === width * HASH_BYTES) return hashes;
    throw new TlogError("TILE_MALFORMED", `tile: want ${width} hashes, got ${hashes.length} bytes`);
  }

  #heldReader(tile: { level: number; index: number }, treeSize: number): TileNodeReader | undefined {
    const held = this.#held(tile, treeSize);
    return held && readerOf(held);
  }

  #held(tile: { level: number; index: number }, treeSize: number): HeldTile | undefined {
    const { level, index } = tile;
    const held = (level === 0 ? this.#newest : this.#upper).get(keyOf(level, index));
    return held === undefined || held.width < widthAt(tile, treeSize) ? undefined : held;
  }

  /** Where the root of a full tile is. */
  async #rootOf(
    { level, index }: { readonly level: number; readonly index: number },
    treeSize: number,
  ): Promise<HashAt> {
    const above = await this.#open({ level: level + 1, index: Math.floor(index / TILE_WIDTH) }, treeSize);
    return { bytes: above.nodes, at: nodeOffset(0, index % TILE_WIDTH) };
  }

  #heldRoot(index: number, treeSize: number): HashAt | undefined {
    const above = this.#held({ level: 1, index: Math.floor(index / TILE_WIDTH) }, treeSize);
    return above && { bytes: above.nodes, at: nodeOffset(0, index % TILE_WIDTH) };
  }

  async #summaryReader(index: number, leaves: Uint8Array, treeSize: number): Promise<TileNodeReader> {
    this.#summaries.fit(Math.floor(treeSize / TILE_WIDTH));
    const summary = this.#summaries.of(index);
    if (summary !== undefined) {
      return (node, out, offset) => summary.hashInto(node, leaves, out, offset);
    }
    const nodes = nodesAbove(leaves, { index, root: await this.#rootOf({ level: 0, index }, treeSize) });
    this.#summaries.keep(index, nodes);
    return readerOf({ nodes });
  }

  #tellUnfit(tile: number): void {
    if (this.#isUnfitTold) return;
    this.#isUnfitTold = true;
    this.#onUnfit(tile);
  }

  /** Holds a tile, or more of it; the one that was held longest goes when there are too many. */
  #hold({ level, index }: { level: number; index: number }, hashes: Uint8Array): HeldTile {
    const tiles = level === 0 ? this.#newest : this.#upper;
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

/** All nodes of a full tile of level 0, from its leaves. @throws {TlogError} STORE_DAMAGED unless its root is the one above. */
function nodesAbove(leaves: Uint8Array, { index, root }: { index: number; root: HashAt }): Uint8Array {
  const nodes = new Uint8Array(TILE_NODE_BYTES);
  nodes.set(leaves);
  completeNodes(nodes, 0, TILE_WIDTH);
  const hash = new Uint8Array(HASH_BYTES);
  perfectRootInto({ from: nodes, at: nodeOffset(TILE_HEIGHT - 1, 0), width: 2 }, hash, 0);
  if (!hashesEqualAt(hash, 0, root.bytes, root.at)) throw damagedTile(index);
  return nodes;
}

function readerOf({ nodes }: Pick<HeldTile, "nodes">): TileNodeReader {
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
