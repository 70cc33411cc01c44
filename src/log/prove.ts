import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { planConsistency } from "../merkle/consistency.ts";
import { planInclusion } from "../merkle/inclusion.ts";
import { assembleProof, planRoot } from "../merkle/proof-plan.ts";
import { assertSize } from "../merkle/sizes.ts";
import type { LogReader } from "../store/store.ts";
import type { ReadTile } from "../tlog/tile-reader.ts";
import { NodeCache } from "./node-cache.ts";

/*
 * Proofs for any tree size up to the readable one, from the stored tiles. Every partial tile there ever was can be read,
 * so an old tree is proven exactly as it was.
 */

/** What proofs are made from: the nodes of a store, those that were read lately at hand. */
export function nodesOf(store: LogReader): NodeCache {
  return new NodeCache(tilesOf(store));
}

/** @throws {TlogError} NOT_PUBLISHED (treeSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED */
export async function inclusionProof(
  nodes: NodeCache,
  readableSize: number,
  at: { readonly leafIndex: number; readonly treeSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(at.treeSize, readableSize);
  const plan = planInclusion(at);
  return assembleProof(plan, await nodes.read(plan.nodes, at.treeSize));
}

/** @throws {TlogError} NOT_PUBLISHED (toSize is beyond `readableSize`) | ARGUMENT_INVALID | STORE_DAMAGED */
export async function consistencyProof(
  nodes: NodeCache,
  readableSize: number,
  between: { readonly fromSize: number; readonly toSize: number },
): Promise<readonly Uint8Array[]> {
  refuseUnsigned(between.toSize, readableSize);
  const plan = planConsistency(between);
  return assembleProof(plan, await nodes.read(plan.nodes, between.toSize));
}

/** The root hash at `treeSize`. @throws {TlogError} NOT_PUBLISHED | ARGUMENT_INVALID | STORE_DAMAGED */
export async function rootAt(nodes: NodeCache, readableSize: number, treeSize: number): Promise<Uint8Array> {
  refuseUnsigned(treeSize, readableSize);
  const peaks = await nodes.read(planRoot(treeSize).nodes, treeSize);
  return rangeRoot({ treeSize, peaks });
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

function refuseUnsigned(treeSize: number, readableSize: number): void {
  assertSize("treeSize", treeSize);
  if (treeSize <= readableSize) return;
  throw new TlogError(
    "NOT_PUBLISHED",
    `tree size ${treeSize} is not published yet: the largest is ${readableSize}`,
  );
}
