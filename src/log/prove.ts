import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { planConsistency } from "../merkle/consistency.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { planInclusion } from "../merkle/inclusion.ts";
import { assembleProof, type ProofPlan, planRoot } from "../merkle/proof-plan.ts";
import type { LogReader } from "../store/store.ts";
import type { Tile } from "../tlog/tile.ts";
import { nodeHashes, tilesForNodes } from "../tlog/tile-reader.ts";

/*
 * Proofs for any tree size up to the readable one, from the stored tiles. Every partial tile there ever was can be read,
 * so an old tree is proven exactly as it was.
 */

/** @throws {TlogError} NOT_PUBLISHED (treeSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED */
export async function inclusionProof(
  store: LogReader,
  readableSize: number,
  at: { readonly leafIndex: number; readonly treeSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(at.treeSize, readableSize);
  return await readProof(store, planInclusion(at), at.treeSize);
}

/** @throws {TlogError} NOT_PUBLISHED (toSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED */
export async function consistencyProof(
  store: LogReader,
  readableSize: number,
  between: { readonly fromSize: number; readonly toSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(between.toSize, readableSize);
  return await readProof(store, planConsistency(between), between.toSize);
}

/** The root hash at `treeSize`. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID | STORE_DAMAGED */
export async function rootAt(store: LogReader, readableSize: number, treeSize: number): Promise<Uint8Array> {
  refuseUnsigned(treeSize, readableSize);
  const { nodes } = planRoot(treeSize);
  return rangeRoot({ treeSize, peaks: await readNodes(store, nodes, treeSize) });
}

/** Reads the hashes of nodes of the tree of `treeSize` leaves. @throws {TlogError} STORE_DAMAGED when a tile is missing */
export async function readNodes(
  store: LogReader,
  nodes: readonly NodeCoordinate[],
  treeSize: number,
): Promise<readonly Uint8Array[]> {
  const tiles = new Map<Tile, Uint8Array>();
  for (const tile of tilesForNodes(nodes, treeSize)) {
    const bytes = await store.readTile(tile);
    if (bytes === undefined) {
      throw new TlogError("STORE_DAMAGED", `tile level ${tile.level} index ${tile.index}: want ${tile.width} hashes, some are missing`);
    }
    tiles.set(tile, bytes);
  }
  return nodeHashes(nodes, treeSize, tiles);
}

async function readProof(store: LogReader, plan: ProofPlan, treeSize: number): Promise<readonly Uint8Array[]> {
  return assembleProof(plan, await readNodes(store, plan.nodes, treeSize));
}

function refuseUnsigned(treeSize: number, readableSize: number): void {
  if (treeSize <= readableSize) return;
  throw new TlogError("NOT_PUBLISHED", `tree size ${treeSize} is not published yet: the largest is ${readableSize}`);
}
