import { type Context, Hono } from "hono";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import type { Log, LogView, Publication } from "../log/log.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { parseTilePath } from "../tlog/tile.ts";
import { bundleHandler } from "./bundles.ts";
import { isNotModified, notModified, unchanged } from "./caching.ts";
import type { HotRoute } from "./exchange.ts";
import { IMMUTABLE, READ_HEADERS, REVALIDATE } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpEnv } from "./path.ts";
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
export function tileRoutes(log: Log, options: HttpLimits): Hono<HttpEnv> {
  const tile = tileHandler(log);
  const bundle = bundleHandler(log, options);
  // One route for both: with two that overlap, hono falls back to its slow router.
  return new Hono<HttpEnv>().get("/tile/*", (c) =>
    c.req.path.startsWith("/tile/entries/") ? bundle(c) : tile(c),
  );
}

function tileHandler(log: Log): (c: Context<HttpEnv>) => Promise<Response> {
  const logTag = logTagOf(log);
  return async ({ req }) => {
    const tile = parseTilePath(req.path.slice(1));
    assertPublished(tile, log.readableSize());
    const headers = {
      ...READ_HEADERS,
      "Content-Type": "application/octet-stream",
      "Content-Length": String(tile.width * HASH_BYTES),
      "Cache-Control": IMMUTABLE,
      ETag: `"${tile.level}.${tile.index}.${tile.width}-${logTag}"`,
    };
    if (isNotModified(req.raw.headers.get("If-None-Match"), headers.ETag)) return notModified(headers);
    const hashes = await log.readTile(tile);
    if (hashes === undefined) throw new TlogError("STORE_DAMAGED", `${req.path} is signed and not stored`);
    return new Response(hashes, { headers });
  };
}

/** The headers of a checkpoint, made once per publication. */
function checkpointHeaders(): (published: Publication) => typeof headers {
  let current: Publication["checkpoint"] | undefined; // owned by the returned function
  let headers = { ...READ_HEADERS, ...CHECKPOINT_HEADERS, ETag: "", "Content-Length": "0" };
  return ({ checkpoint }) => {
    if (checkpoint === current) return headers;
    current = checkpoint;
    const etag = `"${encodeHex(sha256(checkpoint)).slice(0, 32)}"`;
    headers = { ...headers, ETag: etag, "Content-Length": String(checkpoint.length) };
    return headers;
  };
}

const CHECKPOINT_HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "Cache-Control": REVALIDATE,
} as const;
