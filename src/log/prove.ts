import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { planConsistency } from "../merkle/consistency.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { planInclusionBatch } from "../merkle/inclusion-batch.ts";
import { assembleProof } from "../merkle/proof-plan.ts";
import { assertIndex, assertSize } from "../merkle/sizes.ts";
import type { LogReader } from "../store/store.ts";
import { TILE_HEIGHT } from "../tlog/tile.ts";
import type { ReadTile } from "../tlog/tile-reader.ts";
import { NodeCache } from "./node-cache.ts";
import { copyHash } from "./tile-nodes.ts";
import type { TreeEdge } from "./tree-edges.ts";

/*
 * Proofs for any tree size up to the readable one, from the stored tiles. Tiles are read as wide as they are in the readable
 * tree: a node that is complete in an old tree is the same in every later one.
 */

/**
 * What proofs are made from: the nodes of a store, those that were needed lately at hand.
 * @param events - told once when stored inner nodes are not those of their tile.
 */
export function nodesOf(store: LogReader, events: Pick<LogEvents, "warning"> = {}): NodeCache {
  return new NodeCache(tilesOf(store), undefined, {
    readSection: (leafIndex) => store.readSection(leafIndex),
    onUnfit(tile) {
      const message = `stored inner nodes of tile level 0 index ${tile} are damaged; its leaves are whole, and used instead`;
      events.warning?.({ code: "INNER_NODES_DAMAGED", message });
    },
  });
}

/**
 * The audit path of a leaf, leaf to root.
 * @throws {TlogError} NOT_PUBLISHED (treeSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED
 */
export async function inclusionProof(
  nodes: NodeCache,
  readableSize: number,
  { leafIndex, treeSize }: { readonly leafIndex: number; readonly treeSize: number },
): Promise<readonly Uint8Array[]> {
  const path = await leafPath(nodes, readableSize, { leafIndex, treeSize });
  const above = pathAbovePeak(path);
  const proof = new Uint8Array(path.height * HASH_BYTES + above.length);
  await nodes.siblingsInto({ leafIndex, height: path.height, treeSize: readableSize }, proof);
  proof.set(above, path.height * HASH_BYTES);
  return hashesIn(proof);
}

/** How a leaf's path goes: up inside the one peak that has the leaf, then it takes in all that is right of it, then each peak left of it. */
export interface LeafPath {
  readonly leafIndex: number;
  readonly edge: TreeEdge;
  /** Which one of the edge's has the leaf. */
  readonly peak: number;
  /** Of that one. */
  readonly height: number;
}

/** @throws {TlogError} as {@link inclusionProof} */
export async function leafPath(
  nodes: NodeCache,
  readableSize: number,
  { leafIndex, treeSize }: { readonly leafIndex: number; readonly treeSize: number },
): Promise<LeafPath> {
  refuseUnsigned(treeSize, readableSize);
  assertIndex("leafIndex", leafIndex, treeSize);
  const edge = nodes.edges.held(treeSize) ?? (await nodes.edges.at(treeSize, readableSize));
  const peak = edge.peaks.findIndex(({ level, index }) => leafIndex < (index + 1) * 2 ** level);
  const height = edge.peaks[peak]?.level;
  if (height === undefined) throw new InvariantError("a leaf under no peak of its tree");
  return { leafIndex, edge, peak, height };
}

/** The hashes of a path from the root of the leaf's tile on, or, in the last tile, from the peak inside it. */
export async function upperPath(nodes: NodeCache, readableSize: number, path: LeafPath): Promise<Uint8Array> {
  const { leafIndex, height } = path;
  const above = pathAbovePeak(path);
  if (height <= TILE_HEIGHT) return above;
  const hashes = new Uint8Array((height - TILE_HEIGHT) * HASH_BYTES + above.length);
  await nodes.siblingsInto({ leafIndex, from: TILE_HEIGHT, height, treeSize: readableSize }, hashes);
  hashes.set(above, (height - TILE_HEIGHT) * HASH_BYTES);
  return hashes;
}

function pathAbovePeak({ edge, peak }: LeafPath): Uint8Array {
  const isLast = peak === edge.peaks.length - 1;
  const hashes = new Uint8Array(((isLast ? 0 : 1) + peak) * HASH_BYTES);
  let offset = 0;
  if (!isLast) {
    copyHash(edge.roots, (peak + 1) * HASH_BYTES, hashes, offset);
    offset += HASH_BYTES;
  }
  for (let left = peak - 1; left >= 0; left--, offset += HASH_BYTES) {
    copyHash(edge.hashes, left * HASH_BYTES, hashes, offset);
  }
  return hashes;
}

/** A millisecond or two: a tile of which nothing is held is read and hashed. */
const MAX_SLICE = { tiles: 8, nodes: 128 };

/**
 * One proof for many leaves. Of all that are being made only a part is worked on in each turn of the event loop.
 * @throws {TlogError} NOT_PUBLISHED (treeSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED
 */
export async function inclusionBatch(
  nodes: NodeCache,
  readableSize: number,
  at: { readonly leafIndices: readonly number[]; readonly treeSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(at.treeSize, readableSize);
  const plan = planInclusionBatch(at);
  const hashes: Uint8Array[] = [];
  const slices = slicesOf(plan.nodes);
  for (const slice of slices) {
    if (slices.length > 1) await nodes.turns.next();
    hashes.push(...hashesIn(await nodes.read(slice, readableSize)));
  }
  return assembleProof(plan, hashes);
}

/** Neighbours in the list lie in one tile or in tiles side by side, since a plan goes from left to right. */
function slicesOf(nodes: readonly NodeCoordinate[]): readonly (readonly NodeCoordinate[])[] {
  const slices: NodeCoordinate[][] = [];
  let slice: NodeCoordinate[] = [];
  let tiles = 0;
  let last = "";
  for (const node of nodes) {
    const tile = tileKey(node);
    if (tile !== last) tiles += 1;
    last = tile;
    if (tiles > MAX_SLICE.tiles || slice.length === MAX_SLICE.nodes) {
      slices.push(slice);
      slice = [];
      tiles = 1;
    }
    slice.push(node);
  }
  return [...slices, slice];
}

function tileKey({ level, index }: NodeCoordinate): string {
  const height = level % TILE_HEIGHT;
  return `${level - height}/${Math.floor(index / 2 ** (TILE_HEIGHT - height))}`;
}

/** @throws {TlogError} NOT_PUBLISHED (toSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED */
export async function consistencyProof(
  nodes: NodeCache,
  readableSize: number,
  between: { readonly fromSize: number; readonly toSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(between.toSize, readableSize);
  const plan = planConsistency(between);
  return assembleProof(plan, hashesIn(await nodes.read(plan.nodes, readableSize)));
}

/** The root hash at `treeSize`. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID | STORE_DAMAGED */
export async function rootAt(nodes: NodeCache, readableSize: number, treeSize: number): Promise<Uint8Array> {
  refuseUnsigned(treeSize, readableSize);
  const edge = nodes.edges.held(treeSize) ?? (await nodes.edges.at(treeSize, readableSize));
  return edge.roots.slice(0, HASH_BYTES);
}

/** The store's tiles for who needs them there. @throws {TlogError} STORE_DAMAGED when a tile is missing */
export function tilesOf(store: LogReader): ReadTile {
  return async (tile) => {
    const bytes = await store.readTile(tile);
    if (bytes !== undefined) return bytes;
    throw new TlogError(
      "STORE_DAMAGED",
      `tile level ${tile.level} index ${tile.index}: want ${tile.width} hashes, some are missing`,
    );
  };
}

/** Views of hashes that lie side by side. */
export function hashesIn(bytes: Uint8Array): readonly Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.subarray(at, at + HASH_BYTES));
  return hashes;
}

function refuseUnsigned(treeSize: number, readableSize: number): void {
  assertSize("treeSize", treeSize);
  if (treeSize <= readableSize) return;
  throw new TlogError(
    "NOT_PUBLISHED",
    `tree size ${treeSize} is not published yet: the largest is ${readableSize}`,
  );
}
