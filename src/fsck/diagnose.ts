/** Which bytes are wrong, where entries and hashes do not fit each other: what the signed root vouches for decides. */

import { orUndefined } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { blockLeafHashes, entryOffsets } from "../tlog/entry-bundle.ts";
import { formatBundlePath, formatTilePath, TILE_WIDTH, type Tile } from "../tlog/tile.ts";
import { reportEntries } from "./diagnose-entries.ts";
import { extentOf, type FindingList } from "./finding.ts";
import { differences, hashAt, rightHashes } from "./hashing.ts";
import { type Piece, pieceOf, type TreeSource } from "./source.ts";
import type { TileHasher } from "./tile-hasher.ts";

/** A tile of level 0, and what is known of it: the root of a full one, or all hashes of a partial one. */
export interface Suspect {
  readonly tile: Tile;
  readonly root?: Uint8Array | undefined;
  readonly leaves?: Uint8Array | undefined;
  readonly hasher: TileHasher;
}

/** Reads a tile and its entries again, and adds what is wrong with them. */
export async function diagnoseTile(source: TreeSource, found: FindingList, of: Suspect): Promise<void> {
  const { tile } = of;
  const bundle = await pieceOf(source.readBundle({ index: tile.index, width: tile.width }));
  const stored = await pieceOf(source.readTile(tile));
  const held = stored.bytes?.length === tile.width * HASH_BYTES ? stored.bytes : undefined;
  const { bytes } = bundle;
  const derived =
    bytes === undefined
      ? undefined
      : orUndefined(() => blockLeafHashes({ bytes, offsets: entryOffsets(bytes, tile.width) }));
  const right = rightLeaves(of, held, derived);
  if (right === undefined) {
    addUndecided(found, { of, bundle, stored, held, derived });
    return;
  }
  // What cannot be read derives nothing.
  reportHashes(found, { tile, stored, held, right, derived: derived ?? new Uint8Array(right.length) });
  if (derived === undefined || !bytesEqual(derived, right)) reportEntries(found, { tile, bundle, right });
}

function rightLeaves(
  { root, leaves, hasher }: Suspect,
  held: Uint8Array | undefined,
  derived: Uint8Array | undefined,
): Uint8Array | undefined {
  if (leaves !== undefined) return leaves;
  if (root === undefined) return undefined;
  return rightHashes([held, derived], (hashes) => bytesEqual(hasher.root(hashes), root));
}

/** Nothing that is signed says which of the two is right, or what is signed is neither. */
function addUndecided(
  found: FindingList,
  args: {
    readonly of: Suspect;
    readonly bundle: Piece;
    readonly stored: Piece;
    readonly held: Uint8Array | undefined;
    readonly derived: Uint8Array | undefined;
  },
): void {
  const { of, bundle, stored, held, derived } = args;
  const { tile, root } = of;
  const start = tile.index * TILE_WIDTH;
  const path = formatTilePath(tile);
  const common = {
    leafIndex: start,
    remedy: "copy",
    spoils: [extentOf("entries", tile.index), extentOf(0, tile.index)],
  } as const;
  if (held !== undefined && derived !== undefined && bytesEqual(held, derived)) {
    if (root === undefined) return;
    found.add({
      kind: "history",
      where: `entries ${start} to ${start + tile.width - 1}`,
      detail: `they agree with ${path}, and not with the tree that was signed`,
      cause: "tampering",
      ...common,
    });
    return;
  }
  const unreadable = [
    ...(derived === undefined
      ? [`${formatBundlePath(tile)}: ${bundle.problem ?? "its entries cannot be told apart"}`]
      : []),
    ...(held === undefined ? [`${path}: ${stored.problem ?? lengthProblem(stored, tile)}`] : []),
  ];
  if (held === undefined || derived === undefined) {
    const kind = derived === undefined ? "bundle" : "tile";
    found.add({ kind, where: path, detail: unreadable.join("; "), cause: "corruption", ...common });
    return;
  }
  for (const place of differences(held, derived)) {
    found.add({
      kind: "undecided",
      where: `entry ${start + place} or its hash in ${path}`,
      detail: "the one does not hash to the other, and no signed hash says which of them is right",
      ...common,
      cause: "unknown",
      leafIndex: start + place,
    });
  }
}

/** Adds what is wrong with the stored hashes of a tile. */
export function reportHashes(
  found: FindingList,
  args: {
    readonly tile: Tile;
    readonly stored: Piece | undefined;
    /** The stored hashes when there are as many as there should be. */
    readonly held: Uint8Array | undefined;
    /** As the signed root has them; undefined: unknown. */
    readonly right: Uint8Array | undefined;
    /** As what lies below has them. */
    readonly derived: Uint8Array;
  },
): void {
  const { tile, stored, held, right, derived } = args;
  const leavesBelow = TILE_WIDTH ** tile.level;
  const firstLeaf = tile.index * TILE_WIDTH * leavesBelow;
  const spoils = [extentOf(tile.level, tile.index)];
  if (held === undefined) {
    const remedy = right === undefined ? "unknown" : bytesEqual(right, derived) ? "derive" : "copy";
    const detail = stored?.problem ?? lengthProblem(stored, tile);
    found.add({
      kind: "tile",
      where: formatTilePath(tile),
      detail,
      cause: "corruption",
      remedy,
      leafIndex: firstLeaf,
      spoils,
    });
    return;
  }
  for (const place of differences(held, right ?? derived)) {
    const stands = hashAt(held, place);
    const wanted = hashAt(right ?? derived, place);
    const byte = place * HASH_BYTES + wanted.findIndex((value, at) => value !== stands[at]);
    const isDerivable = bytesEqual(wanted, hashAt(derived, place));
    found.add({
      kind: right === undefined ? "undecided" : "tile",
      where: `${formatTilePath(tile)}: hash ${place}, from byte ${byte} on`,
      detail:
        right === undefined
          ? "it is not what lies below it hashes to, and no signed hash says which of them is right"
          : `it is not the one of the signed tree${isDerivable ? ", which what lies below it hashes to" : ""}`,
      cause: right === undefined ? "unknown" : "corruption",
      remedy: right === undefined ? "unknown" : isDerivable ? "derive" : "copy",
      leafIndex: firstLeaf + place * leavesBelow,
      spoils,
    });
  }
}

function lengthProblem(stored: Piece | undefined, tile: Tile): string {
  return `want ${tile.width * HASH_BYTES} bytes, got ${stored?.bytes?.length ?? 0}`;
}
