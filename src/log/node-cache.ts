import { InvariantError } from "../errors.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { type ReadTile, readNodes } from "../tlog/tile-reader.ts";

/** Some 10 MB. */
const MAX_NODES = 65_536;

/**
 * Hashes of inner nodes that were made from tiles. A node is the root of a perfect subtree, so it never changes, whatever
 * the tree becomes; receipts of neighbouring leaves share most of theirs, and a node high in its tile costs up to 127 hashes.
 */
export class NodeCache {
  readonly #readTile: ReadTile;
  /** By level, then index. */
  readonly #levels: Map<number, Uint8Array>[] = []; // owned by #keep()
  #count = 0; // owned by #keep()

  constructor(readTile: ReadTile) {
    this.#readTile = readTile;
  }

  /** The hashes of `nodes`, in order: copies. Throws as `readNodes`. */
  async read(nodes: readonly NodeCoordinate[], treeSize: number): Promise<readonly Uint8Array[]> {
    const hashes = nodes.map(({ level, index }) => this.#levels[level]?.get(index));
    const missing = nodes.filter((_, at) => hashes[at] === undefined);
    const read = [...(missing.length === 0 ? [] : await readNodes(missing, treeSize, this.#readTile))];
    return nodes.map((node, at) => {
      const hash = hashes[at] ?? read.shift();
      if (hash === undefined) throw new InvariantError("a node was neither held nor read");
      this.#keep(node, hash);
      return hash.slice();
    });
  }

  #keep({ level, index }: NodeCoordinate, hash: Uint8Array): void {
    if (this.#count >= MAX_NODES) {
      this.#levels.length = 0;
      this.#count = 0;
    }
    const ofLevel = this.#levels[level] ?? new Map<number, Uint8Array>();
    this.#levels[level] = ofLevel;
    if (!ofLevel.has(index)) this.#count += 1;
    ofLevel.set(index, hash);
  }
}
