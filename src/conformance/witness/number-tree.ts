/** The tree every test log has: entry i is the ASCII decimal of i, so that anybody knows all of it. */
import { foldPeaks, peakCoordinates } from "../../merkle/compact-range.ts";
import { planConsistency } from "../../merkle/consistency.ts";
import { type NodeCoordinate, type Subtree, subtreePeaks } from "../../merkle/coordinates.ts";
import { emptyRootHash, leafHash, nodeHash } from "../../merkle/hash.ts";
import { assembleProof, type ProofPlan } from "../../merkle/proof-plan.ts";
import { planSubtreeConsistency } from "../../merkle/subtree.ts";
import { encodeUtf8, formatDecimal } from "../../tlog/encoding.ts";

/** Below this level nodes are made anew each time: to keep them all would take more than it saves. */
const KEPT_LEVEL = 8;

/** The tree, or one that forks from it. */
export class NumberTree {
  readonly #forkedFrom: number;
  readonly #kept = new Map<string, Uint8Array>(); // owned by #node()

  /** @param forkedFrom - from this index on, entry i is "fork i". Default: never. */
  constructor(forkedFrom = Number.POSITIVE_INFINITY) {
    this.#forkedFrom = forkedFrom;
  }

  /** The root hash of the first `treeSize` entries. */
  root(treeSize: number): Uint8Array {
    if (treeSize === 0) return emptyRootHash();
    return foldPeaks(peakCoordinates(treeSize).map((node) => this.#node(node)));
  }

  /** The hash of leaves [start, end), a valid subtree. */
  subtreeHash(subtree: Subtree): Uint8Array {
    return foldPeaks(subtreePeaks(subtree).map((node) => this.#node(node)));
  }

  /** RFC 6962 §2.1.2 */
  consistencyProof(args: { readonly fromSize: number; readonly toSize: number }): readonly Uint8Array[] {
    return this.#assemble(planConsistency(args));
  }

  /** draft-ietf-plants-merkle-tree-certs §4.4.1 */
  subtreeProof(args: Subtree & { readonly treeSize: number }): readonly Uint8Array[] {
    return this.#assemble(planSubtreeConsistency(args));
  }

  #assemble(plan: ProofPlan): readonly Uint8Array[] {
    return assembleProof(
      plan,
      plan.nodes.map((node) => this.#node(node)),
    );
  }

  #node({ level, index }: NodeCoordinate): Uint8Array {
    if (level === 0) return leafHash(encodeUtf8(this.#entry(index)));
    const key = `${level} ${index}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const left = this.#node({ level: level - 1, index: 2 * index });
    const right = this.#node({ level: level - 1, index: 2 * index + 1 });
    const hash = nodeHash(left, right);
    if (level >= KEPT_LEVEL) this.#kept.set(key, hash);
    return hash;
  }

  #entry(index: number): string {
    return index < this.#forkedFrom ? formatDecimal(index) : `fork ${formatDecimal(index)}`;
  }
}
