import { OpenAPIHono } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { formatKeyHistory, KEY_HISTORY_PATH } from "../tlog/key-history.ts";
import { READ_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";

/** `GET /key-history`: the signed changes of the log's keys, spec/key-history.md. 404 where there was none. */
export function keyHistoryRoutes({ keyHistory }: Pick<Log, "keyHistory">): OpenAPIHono<HttpEnv> {
  const bytes = keyHistory && Uint8Array.from(formatKeyHistory(keyHistory));
  const routes = new OpenAPIHono<HttpEnv>();
  routes.get(`/${KEY_HISTORY_PATH}`, (c) => {
    if (bytes === undefined) throw new TlogError("NOT_FOUND", "the keys of this log never changed");
    return c.body(bytes, 200, {
      ...READ_HEADERS,
      "Content-Type": "text/plain; charset=utf-8",
      "Cache-Control": "public, max-age=60",
    });
  });
  return routes;
}
