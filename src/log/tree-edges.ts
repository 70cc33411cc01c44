import { peakCoordinates } from "../merkle/compact-range.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { emptyRootHash, HASH_BYTES, nodeHashInto } from "../merkle/hash.ts";

/** Sizes that are asked for are mostly the newest one, or a few of the ones before. */
const MAX_EDGES = 64;

/** What all proofs in a tree of one size have in common. */
export interface TreeEdge {
  /** The perfect subtrees the tree consists of, the largest first. */
  readonly peaks: readonly NodeCoordinate[];
  /** Their hashes, concatenated. */
  readonly hashes: Uint8Array;
  /** Hash i: the root over peak i and all to its right. The first is the tree's. */
  readonly roots: Uint8Array;
}

/** The right edges of trees, held by size. */
export class TreeEdges {
  readonly #read: (nodes: readonly NodeCoordinate[], treeSize: number) => Promise<Uint8Array>;
  readonly #edges = new Map<number, TreeEdge>(); // owned by #make()
  readonly #coming = new Map<number, Promise<TreeEdge>>(); // owned by at(): all who waited for a checkpoint ask for its edge at once

  /** @param read - the hashes of nodes, concatenated; {@link NodeCache}. */
  constructor(read: (nodes: readonly NodeCoordinate[], treeSize: number) => Promise<Uint8Array>) {
    this.#read = read;
  }

  /** The edge at a size, if it is held. */
  held(treeSize: number): TreeEdge | undefined {
    return this.#edges.get(treeSize);
  }

  /** @param readableSize - at least `treeSize`. Throws as reading nodes does. */
  at(treeSize: number, readableSize: number): Promise<TreeEdge> {
    const coming =
      this.#coming.get(treeSize) ??
      this.#make(treeSize, readableSize).finally(() => this.#coming.delete(treeSize));
    this.#coming.set(treeSize, coming);
    return coming;
  }

  async #make(treeSize: number, readableSize: number): Promise<TreeEdge> {
    const peaks = peakCoordinates(treeSize);
    const hashes = await this.#read(peaks, readableSize);
    const edge = { peaks, hashes, roots: rootsOf(hashes) };
    for (const oldest of this.#edges.keys()) {
      if (this.#edges.size < MAX_EDGES) break;
      this.#edges.delete(oldest);
    }
    this.#edges.set(treeSize, edge);
    return edge;
  }
}

function rootsOf(hashes: Uint8Array): Uint8Array {
  if (hashes.length === 0) return emptyRootHash();
  const roots = hashes.slice();
  for (let at = hashes.length - 2 * HASH_BYTES; at >= 0; at -= HASH_BYTES) {
    const right = roots.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES);
    nodeHashInto(hashes.subarray(at, at + HASH_BYTES), right, roots, at);
  }
  return roots;
}
