import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import type { LogView, Publication } from "../log/log.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { bytesEqual, encodeHex } from "../tlog/encoding.ts";
import { parseTilePath, type Tile } from "../tlog/tile.ts";
import { bundleHandler } from "./bundles.ts";
import { isNotModified, unchanged } from "./caching.ts";
import type { Answer, Exchange, HotRoute } from "./exchange.ts";
import { IMMUTABLE, READ_HEADERS, REVALIDATE } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { assertPublished, logTagOf } from "./published.ts";

/** `GET /checkpoint`.  c2sp.org/tlog-tiles, "Checkpoints" */
export function checkpointRoute(log: Pick<LogView, "published">): HotRoute {
  const headersOf = checkpointHeaders();
  return {
    method: "GET",
    path: "/checkpoint",
    handle(exchange) {
      const published = log.published();
      const headers = headersOf(published);
      if (isNotModified(exchange.header("if-none-match"), headers.ETag)) return unchanged(headers);
      return { status: 200, headers, body: published.checkpoint };
    },
  };
}

/** Everything under `/tile/`.  c2sp.org/tlog-tiles, "Merkle Tree" */
export function tileRoute(
  log: Pick<LogView, "origin" | "vkeys" | "readableSize" | "readTile" | "readEntries">,
  options: HttpLimits,
): HotRoute {
  const tile = tileHandler(log);
  const bundle = bundleHandler(log, options);
  // One route for both: with two that overlap, hono falls back to its slow router.
  return {
    method: "GET",
    path: "/tile/*",
    handle: (exchange) => (exchange.path.startsWith("/tile/entries/") ? bundle(exchange) : tile(exchange)),
  };
}

function tileHandler(
  log: Pick<LogView, "origin" | "vkeys" | "readableSize" | "readTile">,
): (exchange: Exchange) => Promise<Answer> {
  const logTag = logTagOf(log);
  return async (exchange) => {
    const { path } = exchange;
    const tile = parseTilePath(path.slice(1));
    assertPublished(tile, log.readableSize());
    const headers = tileHeaders(tile, logTag);
    if (isNotModified(exchange.header("if-none-match"), headers.ETag)) return unchanged(headers);
    const hashes = await log.readTile(tile);
    if (hashes === undefined) throw new TlogError("STORE_DAMAGED", `${path} is signed and not stored`);
    return { status: 200, headers, body: hashes };
  };
}

/** Written out: to spread what is constant costs more than to make it. */
function tileHeaders({ level, index, width }: Tile, logTag: string) {
  return {
    "X-Content-Type-Options": READ_HEADERS["X-Content-Type-Options"],
    "Access-Control-Allow-Origin": READ_HEADERS["Access-Control-Allow-Origin"],
    "Content-Type": "application/octet-stream",
    "Cache-Control": IMMUTABLE,
    "Content-Length": String(width * HASH_BYTES),
    ETag: `"${level}.${index}.${width}-${logTag}"`,
  };
}

/** The headers of a checkpoint, made once per publication. */
function checkpointHeaders(): (published: Publication) => typeof headers {
  let current: Uint8Array = new Uint8Array(0); // owned by the returned function
  let headers = { ...READ_HEADERS, ...CHECKPOINT_HEADERS, ETag: "", "Content-Length": "0" };
  return ({ checkpoint }) => {
    if (bytesEqual(checkpoint, current)) return headers;
    current = checkpoint.slice();
    const etag = `"${encodeHex(sha256(checkpoint)).slice(0, 32)}"`;
    headers = { ...headers, ETag: etag, "Content-Length": String(checkpoint.length) };
    return headers;
  };
}

const CHECKPOINT_HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "Cache-Control": REVALIDATE,
} as const;
