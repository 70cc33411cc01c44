/** The hashes of any subtrees of a log's tree, for who draws it. Apart from the client, which does without. */
import type { Subtree } from "../src/merkle/coordinates.ts";
import { assembleProof, planSubtrees } from "../src/merkle/proof-plan.ts";
import type { TileSource, TreeHead } from "./tile-source.ts";

/**
 * RFC 6962 §2.1, MTH(D[start:end]), in order.
 * @param args.head - of a checkpoint that was verified.
 * @param args.subtrees - not empty, each as the definition splits the tree.
 * @throws as {@link TileSource.readNodes}
 */
export async function readSubtrees(args: {
  readonly tiles: TileSource;
  readonly head: TreeHead;
  readonly subtrees: readonly Subtree[];
  readonly signal: AbortSignal | undefined;
}): Promise<readonly Uint8Array[]> {
  const { tiles, head, subtrees, signal } = args;
  const plan = planSubtrees(subtrees);
  const read = await tiles.readNodes({ head, nodes: plan.nodes, signal });
  return assembleProof(plan, plan.nodes.map(read));
}
