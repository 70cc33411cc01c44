import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Log } from "../log/log.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseVerifierKey } from "../tlog/key.ts";
import { formatPolicy } from "../tlog/policy.ts";
import { READ_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";

export interface LogInfoOptions {
  /** The program's version. */
  readonly version: string;
  readonly maxBatchBytes: number;
}

/** `GET /log.json`: what a client needs to know before it trusts or writes. */
export function logInfoRoutes(log: Log, options: LogInfoOptions): OpenAPIHono<HttpEnv> {
  const logs = log.vkeys.map((vkey) => ({ key: parseVerifierKey(vkey) }));
  const policy = { logs, witnesses: [], groups: [], quorum: "none" };
  const info: z.infer<typeof LogInfo> = {
    origin: log.origin,
    vkeys: [...log.vkeys],
    witnesses: [],
    policy: decodeUtf8(formatPolicy(policy)),
    duplicates: log.duplicates,
    limits: {
      maxEntryBytes: log.limits.maxEntryBytes,
      maxBatchEntries: log.limits.maxBatchEntries,
      maxBatchBytes: options.maxBatchBytes,
    },
    version: options.version,
  };
  return new OpenAPIHono<HttpEnv>().openapi(logInfoRoute, (c) =>
    c.json(info, 200, { ...READ_HEADERS, "Cache-Control": "public, max-age=60" }),
  );
}

const LogInfo = z
  .object({
    origin: z.string().openapi({ example: "example.com/log" }),
    vkeys: z.array(z.string()).openapi({
      description:
        "Verifier keys, c2sp.org/signed-note; the Ed25519 one first. Trust them only as far as you trust this answer.",
    }),
    witnesses: z.array(z.string()).openapi({ description: "Verifier keys of the witnesses the log asks." }),
    policy: z.string().openapi({
      description:
        "A c2sp.org/tlog-policy file with the log's keys and its witnesses, as a start for your own.",
    }),
    duplicates: z.enum(["first", "allow"]).openapi({
      description: "first: the same bytes get the same index. allow: they are appended again.",
    }),
    limits: z.object({
      maxEntryBytes: z.int().openapi({ example: 65_535 }),
      maxBatchEntries: z.int(),
      maxBatchBytes: z.int(),
    }),
    version: z.string().openapi({ description: "Of the server program." }),
  })
  .openapi("LogInfo");

export const logInfoRoute = createRoute({
  method: "get",
  path: "/log.json",
  summary: "Name, keys and limits of the log",
  responses: {
    200: { description: "About this log.", content: { "application/json": { schema: LogInfo } } },
  },
});
