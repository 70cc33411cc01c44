/** Proofs made from verified tiles: nobody's word is taken for them. */
import { peakCoordinates, rangeRoot } from "../src/merkle/compact-range.ts";
import { planConsistency } from "../src/merkle/consistency.ts";
import { planInclusion } from "../src/merkle/inclusion.ts";
import { assembleProof } from "../src/merkle/proof-plan.ts";
import type { NodeReader } from "../src/tlog/tile-reader.ts";
import type { LogHead } from "./log-head.ts";
import type { TileSource, TreeHead } from "./tile-source.ts";

/** That a leaf is in a tree.  RFC 6962 §2.1.1 */
export interface InclusionProof {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly leafHash: Uint8Array;
  readonly rootHash: Uint8Array;
  /** Leaf end first. */
  readonly proof: readonly Uint8Array[];
}

/** That one tree starts with the leaves of a smaller one.  RFC 6962 §2.1.2 */
export interface ConsistencyProof {
  readonly fromSize: number;
  readonly fromRoot: Uint8Array;
  readonly toSize: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
  /** The verified head, of at least `toSize` leaves, that both roots and the proof were read under: who differs contradicts it. */
  readonly head: LogHead;
}

interface Reading {
  readonly tiles: TileSource;
  /** A verified head at least as large as the trees of the proof. */
  readonly head: LogHead;
  readonly signal: AbortSignal | undefined;
}

/** @throws {TlogError} ARGUMENT_INVALID (leafIndex is not below treeSize), and as {@link TileSource.readNodes} */
export async function proveInclusion(
  { tiles, head, signal }: Reading,
  { leafIndex, treeSize }: { readonly leafIndex: number; readonly treeSize: number },
): Promise<InclusionProof> {
  const plan = planInclusion({ leafIndex, treeSize });
  const leaf = { level: 0, index: leafIndex };
  const nodes = [leaf, ...plan.nodes, ...peakCoordinates(treeSize)];
  const read = await tiles.readNodes({ head, nodes, signal });
  const proof = assembleProof(plan, plan.nodes.map(read));
  return { leafIndex, treeSize, leafHash: read(leaf), rootHash: rootAt(treeSize, read), proof };
}

/** @throws {TlogError} ARGUMENT_INVALID (fromSize is larger than toSize), and as {@link TileSource.readNodes} */
export async function proveConsistency(
  reading: Reading,
  sizes: { readonly fromSize: number; readonly toSize: number },
): Promise<ConsistencyProof> {
  return { ...(await readConsistency(reading, sizes)), head: reading.head };
}

/** The same, whatever is known of the head beside its signed root. */
export async function readConsistency(
  { tiles, head, signal }: Omit<Reading, "head"> & { readonly head: TreeHead },
  { fromSize, toSize }: { readonly fromSize: number; readonly toSize: number },
): Promise<Omit<ConsistencyProof, "head">> {
  const plan = planConsistency({ fromSize, toSize });
  const nodes = [...plan.nodes, ...peakCoordinates(fromSize), ...peakCoordinates(toSize)];
  const read = await tiles.readNodes({ head, nodes, signal });
  const proof = assembleProof(plan, plan.nodes.map(read));
  return { fromSize, fromRoot: rootAt(fromSize, read), toSize, toRoot: rootAt(toSize, read), proof };
}

function rootAt(treeSize: number, read: NodeReader): Uint8Array {
  return rangeRoot({ treeSize, peaks: peakCoordinates(treeSize).map(read) });
}
