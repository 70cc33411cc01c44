import { HASH_BYTES } from "../merkle/hash.ts";
import type { LevelAppend } from "../store/store.ts";
import { concatBytes } from "../tlog/encoding.ts";
import { TILE_HEIGHT, TILE_WIDTH, type Tile } from "../tlog/tile.ts";
import type { VerifiedTree } from "./verified-tree.ts";

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

export interface TileWithHashes {
  readonly tile: Tile;
  readonly hashes: Uint8Array;
}

/** Makes the tiles of a tree that grows: each full one when it is complete, those of the right edge at the end. */
export class TileAssembler {
  /** By level, how many whole tiles came before, and the hashes after them. Owned by append(). */
  readonly #open: Map<number, { readonly index: number; readonly hashes: Uint8Array }>;

  private constructor(open: Map<number, { readonly index: number; readonly hashes: Uint8Array }>) {
    this.#open = open;
  }

  /** @param treeSize - where it begins: a whole number of bundles. */
  static async at(tree: VerifiedTree, treeSize: number, signal: AbortSignal): Promise<TileAssembler> {
    const nodes = [];
    for (let level = 1; TILE_WIDTH ** level <= treeSize; level++) {
      const held = Math.floor(treeSize / TILE_WIDTH ** level);
      for (let at = held - (held % TILE_WIDTH); at < held; at++) {
        nodes.push({ level: level * TILE_HEIGHT, index: at });
      }
    }
    const open = new Map<number, { readonly index: number; readonly hashes: Uint8Array }>();
    const read = treeSize === 0 ? undefined : await tree.read(nodes, signal);
    for (let level = 0; TILE_WIDTH ** level <= treeSize; level++) {
      const held = Math.floor(treeSize / TILE_WIDTH ** level);
      const own = nodes.filter((node) => node.level === level * TILE_HEIGHT);
      const hashes = concatBytes(...own.map((node) => read?.(node) ?? new Uint8Array(0)));
      open.set(level, { index: Math.floor(held / TILE_WIDTH), hashes });
    }
    return new TileAssembler(open);
  }

  /** @returns the tiles that became full. */
  append(levels: readonly LevelAppend[]): readonly TileWithHashes[] {
    const full: TileWithHashes[] = [];
    for (const { level, hashes } of levels) {
      const before = this.#open.get(level) ?? { index: 0, hashes: new Uint8Array(0) };
      const all = before.hashes.length === 0 ? hashes : concatBytes(before.hashes, hashes);
      let index = before.index;
      let at = 0;
      for (; at + TILE_BYTES <= all.length; at += TILE_BYTES, index++) {
        const tile = { level, index, width: TILE_WIDTH };
        full.push({ tile, hashes: all.subarray(at, at + TILE_BYTES) });
      }
      this.#open.set(level, { index, hashes: all.slice(at) });
    }
    return full;
  }

  /** The partial tiles as they are now. */
  edge(): readonly TileWithHashes[] {
    return [...this.#open]
      .filter(([, { hashes }]) => hashes.length > 0)
      .map(([level, { index, hashes }]) => {
        return { tile: { level, index, width: hashes.length / HASH_BYTES }, hashes };
      });
  }
}
