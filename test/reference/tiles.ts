/** Tiles, bundles and their paths, word for word from c2sp.org/tlog-tiles; shares nothing with the code under test. */
import type { ReferenceTree } from "./merkle.ts";

export interface ReferenceTile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** "floor(s / 256**l) mod 256", and how many full tiles are to its left, level by level while there are any. */
export function widths(size: number): readonly { level: number; full: number; partial: number }[] {
  const levels = [];
  for (let level = 0; 256n ** BigInt(level) <= BigInt(size); level++) {
    const hashes = BigInt(size) / 256n ** BigInt(level);
    levels.push({ level, full: Number(hashes / 256n), partial: Number(hashes % 256n) });
  }
  return levels;
}

/** Every tile of a tree. */
export function allTiles(size: number): readonly ReferenceTile[] {
  return widths(size).flatMap(({ level, full, partial }) => {
    const tiles = Array.from({ length: full }, (_, index) => ({ level, index, width: 256 }));
    return partial === 0 ? tiles : [...tiles, { level, index: full, width: partial }];
  });
}

/** "MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])" for i from 0 to the width. */
export function tileBytes(tree: ReferenceTree, { level, index, width }: ReferenceTile): Uint8Array {
  const span = 256 ** level;
  const hashes = Array.from({ length: width }, (_, i) => {
    return tree.hash((index * 256 + i) * span, (index * 256 + i + 1) * span);
  });
  return new Uint8Array(Buffer.concat(hashes));
}

/** "zero-padded 3-digit path elements. All but the last path element MUST begin with an x." */
export function indexPath(index: bigint): string {
  const elements = [];
  for (let rest = index; rest > 0n || elements.length === 0; rest /= 1000n) {
    const digits = (rest % 1000n).toString().padStart(3, "0");
    elements.unshift(elements.length === 0 ? digits : `x${digits}`);
  }
  return elements.join("/");
}

/** "<prefix>/tile/<L>/<N>[.p/<W>]" and "<prefix>/tile/entries/<N>[.p/<W>]" */
export function resourcePath(kind: number | "entries", index: bigint, width: number): string {
  return `tile/${kind}/${indexPath(index)}${width === 256 ? "" : `.p/${width}`}`;
}

/** "sequences of big-endian uint16 length-prefixed log entries" */
export function bundleBytes(entries: readonly Uint8Array[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    return [length, entry];
  });
  return new Uint8Array(Buffer.concat(parts));
}
