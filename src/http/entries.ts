import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { decodeHex } from "../tlog/encoding.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { indexFromPath, refuseInvalid } from "./parameters.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex, PROBLEM_ANSWERS } from "./schemas.ts";

/** `GET /entry/<index>` and `GET /lookup/<leaf hash>`. */
export function entryRoutes(log: Log): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid });
  app.get("/entry/:index", async ({ req }) => {
    const leafIndex = indexFromPath(req.param("index"));
    const entry = await log.readEntry(leafIndex);
    if (entry === undefined) {
      throw new TlogError("NOT_PUBLISHED", `want an index below ${log.readableSize()}, got ${leafIndex}`);
    }
    return new Response(entry, { headers: { ...ENTRY_HEADERS, "Content-Length": String(entry.length) } });
  });
  return app.openapi(lookupRoute, async (c) => {
    const leafIndex = await log.lookup(decodeHex(c.req.valid("param").leafHash));
    if (leafIndex === undefined) {
      throw new TlogError("ENTRY_UNKNOWN", "no published entry has this leaf hash");
    }
    return c.json({ leafIndex }, 200, { ...READ_HEADERS, "Cache-Control": IMMUTABLE });
  });
}

/** Entries are a stranger's bytes: a browser must neither guess their type nor run them. */
const ENTRY_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "application/octet-stream",
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Cache-Control": IMMUTABLE,
} as const;

export const lookupRoute = createRoute({
  method: "get",
  path: "/lookup/{leafHash}",
  summary: "The smallest index of the entry with this leaf hash",
  request: {
    params: z.object({
      leafHash: HashHex.openapi({ description: "SHA-256(0x00 || entry), RFC 6962 §2.1." }),
    }),
  },
  responses: {
    200: {
      description: "The log has the entry.",
      content: {
        "application/json": {
          schema: z.object({ leafIndex: z.int().min(0).openapi({ example: 17 }) }).openapi("LookupAnswer"),
        },
      },
    },
    400: PROBLEM_ANSWERS[400],
    404: PROBLEM_ANSWERS[404],
  },
});
