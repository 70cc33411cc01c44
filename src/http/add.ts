import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Appended, Log } from "../log/log.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { decodeAddBatch } from "../tlog/entry-bundle.ts";
import { type WriteAccess, writeCheck } from "./access.ts";
import { readBody, readLargeBody } from "./body.ts";
import { ByteBudget } from "./byte-budget.ts";
import { WRITE_HEADERS } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { preferredType, preferredWaitSeconds } from "./negotiate.ts";
import type { HttpEnv } from "./path.ts";
import { RECEIPT_TYPE, ReceiptWaiter } from "./receipts.ts";
import { WRITE_PROBLEM_ANSWERS } from "./schemas.ts";

/** What writes need, and what they may cost. */
export interface AddOptions extends HttpLimits {
  readonly writeAccess: WriteAccess;
}

/** `POST /add` and `POST /add-batch`: answered when durable, never before. */
export function addRoutes(log: Log, options: AddOptions): OpenAPIHono<HttpEnv> {
  const assertMayWrite = writeCheck(options.writeAccess);
  const waiter = new ReceiptWaiter(log, options);
  const budget = new ByteBudget(options.maxIncomingBytes);
  const app = new OpenAPIHono<HttpEnv>();
  app.post("/add", async ({ req, env }) => {
    assertMayWrite(req.raw, env?.incoming);
    const entry = await readBody(req.raw, log.limits.maxEntryBytes);
    const appended = await log.add(entry);
    const type = preferredType(req.raw.headers.get("Accept"), ADD_TYPES);
    if (type === RECEIPT_TYPE) {
      const wait = preferredWait(req.raw, options.maxWaitMs);
      const signals = env?.closing === undefined ? [req.raw.signal] : [req.raw.signal, env.closing];
      const receipt = await waiter.receiptWithin({ leafIndex: appended.leafIndex, waitMs: wait.ms, signals });
      return receiptAnswer(appended, receipt, wait.applied);
    }
    if (type === "application/json") return jsonAnswer(appended);
    return new Response(String(appended.leafIndex), { headers: INDEX_HEADERS });
  });
  return app.openapi(addBatchRoute, async (c) => {
    assertMayWrite(c.req.raw, c.env?.incoming);
    const body = await readLargeBody(c.req.raw, { maxBytes: options.maxBatchBytes, budget });
    try {
      const entries = decodeAddBatch(body, { maxEntries: log.limits.maxBatchEntries });
      const appended = await log.addBatch(entries);
      return c.json(batchAnswer(appended), 200, WRITE_HEADERS);
    } finally {
      budget.give(body.length);
    }
  });
}

const ADD_TYPES = ["text/plain", "application/json", RECEIPT_TYPE] as const;

const INDEX_HEADERS = { ...WRITE_HEADERS, "Content-Type": "text/plain; charset=utf-8" } as const;

function jsonAnswer({ leafIndex, leafHash, duplicate }: Appended): Response {
  return Response.json({ leafIndex, leafHash: encodeHex(leafHash), duplicate }, { headers: WRITE_HEADERS });
}

/** How long to wait for a receipt, and the header that says so when the client asked. RFC 7240 §3 and §4.3 */
function preferredWait(
  request: Request,
  maxMs: number,
): { readonly ms: number; readonly applied: Record<string, string> } {
  const seconds = preferredWaitSeconds(request.headers.get("Prefer"));
  if (seconds === undefined) return { ms: maxMs, applied: {} };
  const ms = Math.min(seconds * 1000, maxMs);
  return { ms, applied: { "Preference-Applied": `wait=${Math.ceil(ms / 1000)}` } };
}

function receiptAnswer(
  { leafIndex }: Appended,
  receipt: string | undefined,
  applied: Record<string, string>,
): Response {
  if (receipt !== undefined) {
    return new Response(receipt, { headers: { ...WRITE_HEADERS, ...applied, "Content-Type": RECEIPT_TYPE } });
  }
  return new Response(String(leafIndex), {
    status: 202,
    headers: { ...INDEX_HEADERS, ...applied, Location: `/receipt/${leafIndex}`, "Retry-After": "1" },
  });
}

const BatchAnswer = z
  .object({
    leafIndices: z.array(z.int().min(0)).openapi({
      description: "The leaf index of each entry, in the order of the body.",
      example: [17, 18, 3],
    }),
    duplicates: z.array(z.int().min(0)).openapi({
      description: "Positions, in the body, of entries that the log already had.",
      example: [2],
    }),
  })
  .openapi("BatchAnswer");

export const addBatchRoute = createRoute({
  method: "post",
  path: "/add-batch",
  summary: "Append entries, all or none, in order",
  security: [{}, { token: [] }],
  request: {
    body: {
      required: true,
      description: "Each entry as a big-endian uint16 length and that many bytes, one after the other.",
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
    },
  },
  responses: {
    200: {
      description: "All entries are durable.",
      content: { "application/json": { schema: BatchAnswer } },
    },
    ...WRITE_PROBLEM_ANSWERS,
  },
});

function batchAnswer(appended: readonly Appended[]): z.infer<typeof BatchAnswer> {
  return {
    leafIndices: appended.map(({ leafIndex }) => leafIndex),
    duplicates: appended.flatMap(({ duplicate }, position) => (duplicate ? [position] : [])),
  };
}
