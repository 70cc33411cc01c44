import type { Context, Hono } from "hono";
import { TlogError } from "../errors.ts";
import { preflightFor } from "./headers.ts";
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
    if (isReadable && c.req.method === "OPTIONS") return preflightFor("GET, HEAD");
    const isPreflighted = isReadable || hasRoute(app, "OPTIONS", c.req.path);
    const allow = [isReadable ? "GET, HEAD" : "", isPreflighted ? "OPTIONS" : "", isWritable ? "POST" : ""]
      .filter(Boolean)
      .join(", ");
    const error = new TlogError("METHOD_NOT_ALLOWED", `want ${allow}, got ${c.req.method}`);
    return problemFrom(error, c.req.raw, { headers: { Allow: allow } });
  };
}

const NOT_FOUND = new TlogError("NOT_FOUND", "no resource has this path");

function hasRoute(app: Hono<HttpEnv>, method: string, path: string): boolean {
  return app.router.match(method, path)[0].length > 0;
}
