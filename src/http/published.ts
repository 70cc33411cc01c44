import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { TILE_WIDTH, type Tile, tileWidthAt } from "../tlog/tile.ts";

/**
 * Part of each tile's entity tag. What a tile's name stands for never changes within one log, so name and log together
 * are a strong validator (RFC 9110 §8.8.1), and neither hashing nor reading the tile is needed to answer 304.
 */
export function logTagOf(log: Pick<LogView, "origin" | "vkeys">): string {
  return encodeHex(sha256(encodeUtf8([log.origin, ...log.vkeys].join("\n")))).slice(0, 16);
}

/**
 * Nothing beyond the largest signed size is served, so no cache can hold what a restored log would contradict.
 * @param tile - a tile; a bundle is like a tile of level 0.
 * @throws {TlogError} NOT_PUBLISHED
 */
export function assertPublished(tile: Tile, readableSize: number): void {
  // Every leaf under the tile's last hash is covered. Where the product is not exact, it is far beyond any size.
  if ((tile.index * TILE_WIDTH + tile.width) * TILE_WIDTH ** tile.level <= readableSize) return;
  const width = tileWidthAt({ level: tile.level, index: tile.index, treeSize: readableSize });
  throw new TlogError(
    "NOT_PUBLISHED",
    `want at most ${width} of 256 places at tree size ${readableSize}, got ${tile.width}`,
  );
}
