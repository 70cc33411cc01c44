/**
 * Where tiles are kept between requests. A client checks every tile against a signed head before it saves it and again
 * after it loads it, so a cache can lose or damage tiles and do no harm but cost a request.
 */
export interface TileCache {
  /** @param path - C2SP tlog-tiles path. A partial tile has its width in it ("tile/0/000.p/7"), so no path ever changes. */
  load(origin: string, path: string): Promise<Uint8Array | undefined>;
  /** @param tile - whole 32-byte hashes; not changed by the client afterwards. */
  save(origin: string, path: string, tile: Uint8Array): Promise<void>;
}

/**
 * Keeps the tiles used last.
 * @param options.maxBytes - of tiles, counted without what the engine adds. Default 8 MiB: 1,024 full tiles.
 */
export function memoryTiles(options: { readonly maxBytes?: number } = {}): TileCache {
  const maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
  // A Map iterates in order of insertion: the first key is the one not used for the longest time.
  const tiles = new Map<string, Uint8Array>();
  let bytes = 0;

  function drop(key: string): void {
    bytes -= tiles.get(key)?.length ?? 0;
    tiles.delete(key);
  }

  function put(key: string, tile: Uint8Array): void {
    drop(key);
    tiles.set(key, tile);
    bytes += tile.length;
    for (const oldest of tiles.keys()) {
      if (bytes <= maxBytes) return;
      drop(oldest);
    }
  }

  return {
    load: async (origin, path) => {
      const key = `${origin}\n${path}`;
      const tile = tiles.get(key);
      if (tile !== undefined) put(key, tile);
      return tile;
    },
    save: async (origin, path, tile) => put(`${origin}\n${path}`, tile),
  };
}
