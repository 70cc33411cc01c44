import type { Context, Hono } from "hono";
import { TlogError } from "../errors.ts";
import { READ_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";
import { problemFrom } from "./problem.ts";

/**
 * Answers requests that no route took: 204 to a browser that asks before it reads, 405 when the path is there for another
 * method, else 404. The router itself says which methods a path has, so no second table can disagree with it.
 */
export function unmatchedHandler(app: Hono<HttpEnv>): (c: Context<HttpEnv>) => Response {
  return (c: Context<HttpEnv>): Response => {
    const isReadable = hasRoute(app, "GET", c.req.path);
    const isWritable = hasRoute(app, "POST", c.req.path);
    if (!isReadable && !isWritable) return problemFrom(NOT_FOUND, c.req.raw);
    if (isReadable && c.req.method === "OPTIONS")
      return new Response(null, { status: 204, headers: PREFLIGHT_HEADERS });
    const allow = [isReadable ? "GET, HEAD, OPTIONS" : "", isWritable ? "POST" : ""]
      .filter(Boolean)
      .join(", ");
    const error = new TlogError("METHOD_NOT_ALLOWED", `want ${allow}, got ${c.req.method}`);
    return problemFrom(error, c.req.raw, { Allow: allow });
  };
}

const NOT_FOUND = new TlogError("NOT_FOUND", "no resource has this path");

function hasRoute(app: Hono<HttpEnv>, method: string, path: string): boolean {
  return app.router.match(method, path)[0].length > 0;
}

/** Fetch standard, "CORS-preflight fetch". A day is the most that browsers keep. */
const PREFLIGHT_HEADERS = {
  ...READ_HEADERS,
  Allow: "GET, HEAD, OPTIONS",
  "Access-Control-Allow-Methods": "GET, HEAD",
  "Access-Control-Allow-Headers": "*",
  "Access-Control-Max-Age": "86400",
} as const;
