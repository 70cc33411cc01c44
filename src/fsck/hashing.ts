/** Roots of tiles at the edge, and the choice between two versions of hashes of which one is signed. */
import { foldPeaks } from "../merkle/compact-range.ts";
import { emptyRootHash, HASH_BYTES, nodeHash } from "../merkle/hash.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";

/** Of n places in which two versions differ 2^n mixtures are tried; more than these places say that nothing fits. */
const MAX_MIXED = 8;

/** Hash `at` of many: a view. */
export function hashAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}

/** At which of the hashes two versions of equal length differ. */
export function differences(a: Uint8Array, b: Uint8Array): readonly number[] {
  const places: number[] = [];
  for (let at = 0; at * HASH_BYTES < a.length; at++) {
    if (!bytesEqual(hashAt(a, at), hashAt(b, at))) places.push(at);
  }
  return places;
}

/**
 * The version of some hashes that is right: one of the two, or, where they differ in a few places, a mixture.
 * @param versions - of equal length, as far as they are known; the first is tried first.
 * @returns undefined when none is.
 */
export function rightHashes(
  versions: readonly (Uint8Array | undefined)[],
  isRight: (hashes: Uint8Array) => boolean,
): Uint8Array | undefined {
  const known = versions.filter((version) => version !== undefined);
  const whole = known.find(isRight);
  if (whole !== undefined) return whole;
  const [a, b] = known;
  if (a === undefined || b === undefined) return undefined;
  const places = differences(a, b);
  if (places.length > MAX_MIXED) return undefined;
  for (let chosen = 1; chosen < 2 ** places.length - 1; chosen++) {
    const mixture = a.slice();
    for (const [bit, place] of places.entries()) {
      if (Math.floor(chosen / 2 ** bit) % 2 === 1) mixture.set(hashAt(b, place), place * HASH_BYTES);
    }
    if (isRight(mixture)) return mixture;
  }
  return undefined;
}

/** How many hashes the partial tile of a level has, for each level of a tree, 0 first; 0: none. */
export function edgeWidths(treeSize: number): readonly number[] {
  const widths: number[] = [];
  for (let held = treeSize; held > 0; held = Math.floor(held / TILE_WIDTH)) widths.push(held % TILE_WIDTH);
  return widths;
}

/**
 * The root of a tree from its partial tiles, which span it.
 * @param edges - the hashes of each level's partial tile, level 0 first.
 */
export function rootOfEdges(edges: readonly Uint8Array[]): Uint8Array {
  const peaks = edges.toReversed().flatMap(peaksOf);
  return peaks.length === 0 ? emptyRootHash() : foldPeaks(peaks);
}

function peaksOf(edge: Uint8Array): readonly Uint8Array[] {
  const peaks: Uint8Array[] = [];
  let start = 0;
  let rest = edge.length / HASH_BYTES;
  for (let width = 2 ** (TILE_HEIGHT - 1); width >= 1; width /= 2) {
    if (rest < width) continue;
    peaks.push(perfectRoot(edge.subarray(start * HASH_BYTES, (start + width) * HASH_BYTES)));
    start += width;
    rest -= width;
  }
  return peaks;
}

/** The root above a power of two of hashes. */
function perfectRoot(hashes: Uint8Array): Uint8Array {
  let row = Array.from({ length: hashes.length / HASH_BYTES }, (_, at) => hashAt(hashes, at));
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: row.length / 2 }, (_, at) =>
      nodeHash(below[2 * at] ?? new Uint8Array(), below[2 * at + 1] ?? new Uint8Array()),
    );
  }
  return row[0] ?? emptyRootHash();
}
