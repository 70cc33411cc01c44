import { createRoute, z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { decodeHex } from "../tlog/encoding.ts";
import type { HotRoute } from "./exchange.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { jsonAnswer } from "./json-answer.ts";
import { indexFromPath } from "./parameters.ts";
import { HashHex, PROBLEM_ANSWERS } from "./schemas.ts";

/** `GET /entry/<index>` */
export function entryRoute(log: Pick<LogView, "readEntry" | "readableSize">): HotRoute {
  return {
    method: "GET",
    path: "/entry/:index",
    async handle({ path }) {
      const leafIndex = indexFromPath(path.slice("/entry/".length));
      const entry = await log.readEntry(leafIndex);
      if (entry === undefined) {
        throw new TlogError("NOT_PUBLISHED", `want an index below ${log.readableSize()}, got ${leafIndex}`);
      }
      const headers = { ...ENTRY_HEADERS, "Content-Length": String(entry.length) };
      return { status: 200, headers, body: entry };
    },
  };
}

/** `GET /lookup/<leaf hash>` */
export function lookupAnswers(log: Pick<LogView, "lookup">): HotRoute {
  return {
    method: "GET",
    path: "/lookup/:leafHash",
    async handle({ path }) {
      const leafIndex = await log.lookup(hashFromPath(path.slice("/lookup/".length)));
      if (leafIndex === undefined) {
        throw new TlogError("ENTRY_UNKNOWN", "no published entry has this leaf hash");
      }
      return jsonAnswer(JSON.stringify({ leafIndex }), LOOKUP_HEADERS);
    },
  };
}

function hashFromPath(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return decodeHex(text);
  const got = JSON.stringify(text).slice(0, 80);
  throw new TlogError("PARAMETER_INVALID", `leafHash: want 64 lowercase hex digits, got ${got}`);
}

const LOOKUP_HEADERS = { ...READ_HEADERS, "Cache-Control": IMMUTABLE } as const;

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
