import type { HttpBindings } from "@hono/node-server";
import type { Answer } from "./exchange.ts";
import type { AskedRequest } from "./request-log.ts";

/** What a handler may find in `c.env`: Node's request and response when a socket is behind it, nothing under `app.request()`. */
export type HttpEnv = {
  Bindings: Partial<HttpBindings> & {
    /** Aborts when the listener starts to close: whoever only waits should answer. */
    readonly closing?: AbortSignal;
    readonly asked?: AskedRequest;
    /** Hears what the log added for this request. */
    readonly onAdded?: (added: Answer["added"]) => void;
  };
};

/** Matches no route: routes are plain ASCII without "%". */
const NOWHERE = "/%";

/**
 * The path to route on, exactly as the client wrote it. Every resource has one spelling: dot segments and "%" escapes are
 * not resolved, so `/tile/0/x001/../000` and `/checkpoin%74` are not found instead of becoming something else.
 */
export function rawPath(
  request: Request,
  options?: { readonly env?: HttpEnv["Bindings"] | undefined },
): string {
  const target = options?.env?.incoming?.url;
  const path = target?.startsWith("/") ? untilQuery(target) : pathOfUrl(target ?? request.url);
  return path.includes("%") ? NOWHERE : path;
}

/** What follows the first "?" of the target, as the client wrote it, or "". */
export function rawQuery(
  request: Request,
  options?: { readonly env?: HttpEnv["Bindings"] | undefined },
): string {
  const target = options?.env?.incoming?.url ?? request.url;
  return target.slice(untilQuery(target).length + 1);
}

/** Absolute-form targets (RFC 9112 §3.2.2) carry scheme and authority before the path. */
function pathOfUrl(url: string): string {
  const beforeQuery = untilQuery(url);
  const start = beforeQuery.indexOf("/", beforeQuery.indexOf("://") + 3);
  return start === -1 ? "/" : beforeQuery.slice(start);
}

export function untilQuery(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}
