/** The root of a perfect subtree, from the tiles: what a run is known by. */

import { InvariantError } from "../../errors.ts";
import { HASH_BYTES, nodeHash } from "../../merkle/hash.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import type { LeafRange } from "./run-file.ts";

/** A tile holds 2^8 hashes, and each is the root of 2^8 of the level below. */
const TILE_HEIGHT = 8;

/** RFC 6962 root of leaves [from, to), a power of two of them, `from` a multiple of it. @throws {TlogError} STORE_DAMAGED */
export function subtreeRoot(readHashes: LeafIndexOptions["readHashes"], { from, to }: LeafRange): Uint8Array {
  const height = Math.log2(to - from);
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 2 ** (height % TILE_HEIGHT);
  const bytes = readHashes({ level, start: from / 2 ** (TILE_HEIGHT * level), count });
  let hashes: readonly Uint8Array[] = Array.from({ length: count }, (_, at) =>
    bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
  while (hashes.length > 1) hashes = parentsOf(hashes);
  return hashes[0] ?? noHash();
}

function parentsOf(hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const parents: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += 2) {
    parents.push(nodeHash(hashes[at] ?? noHash(), hashes[at + 1] ?? noHash()));
  }
  return parents;
}

function noHash(): never {
  throw new InvariantError("a subtree without a hash");
}
