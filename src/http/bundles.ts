import type { Context } from "hono";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { parseBundlePath, TILE_WIDTH } from "../tlog/tile.ts";
import { ByteBudget } from "./byte-budget.ts";
import { isNotModified, notModified } from "./caching.ts";
import { gzipper } from "./gzip.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { holdUntilSent } from "./hold-until-sent.ts";
import type { HttpLimits } from "./limits.ts";
import { prefersGzip } from "./negotiate.ts";
import type { HttpEnv } from "./path.ts";
import { assertPublished, logTagOf } from "./published.ts";

/** The handler of `GET /tile/entries/<N>[.p/<W>]`.  c2sp.org/tlog-tiles, "Log entries" */
export function bundleHandler(log: Log, options: HttpLimits): (c: Context<HttpEnv>) => Promise<Response> {
  const logTag = logTagOf(log);
  const gzip = gzipper(options.maxConcurrentGzips);
  const budget = new ByteBudget(options.maxOutgoingBytes);
  return async ({ req, env }) => {
    const { index, width } = parseBundlePath(req.path.slice(1));
    assertPublished({ level: 0, index, width }, log.readableSize());
    const etag = `entries.${index}.${width}-${logTag}`;
    const headers = { ...BUNDLE_HEADERS, ETag: `"${etag}"` };
    const gzipHeaders = { ...BUNDLE_HEADERS, ETag: `"${etag}-gzip"`, "Content-Encoding": "gzip" };
    if (isNotModified(req.raw.headers.get("If-None-Match"), headers.ETag)) return notModified(headers);
    if (isNotModified(req.raw.headers.get("If-None-Match"), gzipHeaders.ETag))
      return notModified(gzipHeaders);
    const start = index * TILE_WIDTH;
    const bundle = await log.readEntries({ start, end: start + width });
    if (bundle === undefined) throw new TlogError("STORE_DAMAGED", `${req.path} is signed and not stored`);
    holdUntilSent(bundle.length, budget, env?.outgoing);
    const zipped = prefersGzip(req.raw.headers.get("Accept-Encoding")) ? await gzip(bundle) : undefined;
    return zipped === undefined ? answer(bundle, headers) : answer(zipped, gzipHeaders);
  };
}

const BUNDLE_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "application/octet-stream",
  "Cache-Control": IMMUTABLE,
  Vary: "Accept-Encoding",
} as const;

function answer(bytes: Uint8Array, headers: Record<string, string>): Response {
  return new Response(bytes, { headers: { ...headers, "Content-Length": String(bytes.length) } });
}
