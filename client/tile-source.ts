/**
 * Tiles of one log, from its cache or its server, and never used before they are tied to a verified head.
 * c2sp.org/tlog-tiles
 */
import { TlogError } from "../src/errors.ts";
import type { NodeCoordinate } from "../src/merkle/coordinates.ts";
import { HASH_BYTES } from "../src/merkle/hash.ts";
import { formatTilePath, TILE_WIDTH, type Tile } from "../src/tlog/tile.ts";
import { type NodeReader, readVerifiedTiles } from "../src/tlog/tile-reader.ts";
import { RemoteRefusedError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import type { TileCache } from "./tile-cache.ts";

/** A tree somebody vouched for: taken from a checkpoint whose signatures were verified. */
export interface TreeHead {
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
}

export interface TileSource {
  /**
   * Reads what vouches for the hashes of `nodes` in the tree of `head`.
   * @throws {TlogError} ROOT_MISMATCH | TILE_MALFORMED (the log serves tiles of another tree), and as {@link Fetcher}
   */
  readNodes(args: {
    readonly head: TreeHead;
    readonly nodes: readonly NodeCoordinate[];
    readonly signal: AbortSignal | undefined;
  }): Promise<NodeReader>;
}

export function openTileSource(log: {
  readonly origin: string;
  readonly fetcher: Fetcher;
  readonly cache: TileCache;
}): TileSource {
  const readNodes: TileSource["readNodes"] = async ({ head, nodes, signal }) => {
    const fetched = new Map<string, Uint8Array>();
    let cacheHits = 0;
    const fetchTile = async (tile: Tile): Promise<Uint8Array> => {
      const bytes = await requestTile(log.fetcher, tile, signal);
      fetched.set(formatTilePath(tile), bytes);
      return bytes;
    };
    const loadTile = async (tile: Tile): Promise<Uint8Array> => {
      const cached = await log.cache.load(log.origin, formatTilePath(tile));
      if (cached === undefined) return fetchTile(tile);
      cacheHits += 1;
      return cached;
    };
    const read = await readVerifiedTiles({ ...head, nodes, readTile: loadTile }).catch((error: unknown) => {
      if (cacheHits === 0 || !isTileFault(error)) throw error;
      // The cache may be what is wrong; what the log serves decides, and replaces it.
      return readVerifiedTiles({ ...head, nodes, readTile: fetchTile });
    });
    for (const [path, bytes] of fetched) await log.cache.save(log.origin, path, bytes);
    return read;
  };
  return { readNodes };
}

/**
 * Requests a tile or an entry bundle. When a partial one is gone (404, and nothing but 404) because the tree grew past it,
 * the full one that replaced it starts with the same hashes or entries.  c2sp.org/tlog-tiles, "Partial Tiles"
 * @param args.width - as a verified head implies: no other partial may be asked for.
 * @returns the body and the width it was asked for: `width`, or 256.
 */
export async function requestWide(
  fetcher: Fetcher,
  args: {
    readonly width: number;
    readonly pathAt: (width: number) => string;
    readonly maxBytesAt: (width: number) => number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<{ readonly body: Uint8Array; readonly width: number }> {
  const requestAt = async (width: number): Promise<{ body: Uint8Array; width: number }> => {
    const { pathAt, maxBytesAt, signal } = args;
    const { body } = await fetcher.request({ path: pathAt(width), maxBytes: maxBytesAt(width), signal });
    return { body, width };
  };
  try {
    return await requestAt(args.width);
  } catch (error) {
    const isGone = error instanceof RemoteRefusedError && error.status === 404;
    if (!isGone || args.width === TILE_WIDTH) throw error;
    return requestAt(TILE_WIDTH);
  }
}

async function requestTile(
  fetcher: Fetcher,
  tile: Tile,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { body, width } = await requestWide(fetcher, {
    width: tile.width,
    pathAt: (wide) => formatTilePath({ ...tile, width: wide }),
    maxBytesAt: (wide) => wide * HASH_BYTES,
    signal,
  });
  if (body.length !== width * HASH_BYTES) {
    throw new TlogError(
      "TILE_MALFORMED",
      `${formatTilePath({ ...tile, width })}: want ${width * HASH_BYTES} bytes, got ${body.length}`,
    );
  }
  return width === tile.width ? body : body.slice(0, tile.width * HASH_BYTES);
}

function isTileFault(error: unknown): boolean {
  return error instanceof TlogError && (error.code === "ROOT_MISMATCH" || error.code === "TILE_MALFORMED");
}
