import { createRoute, z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { Appended, AppendedBlock, Log } from "../log/log.ts";
import { type EntryBlock, entryCount, parseEntryBlock } from "../tlog/entry-bundle.ts";
import { type WriteAccess, writeCheck } from "./access.ts";
import {
  ADD_TYPES,
  ADDED_JSON_HEADERS,
  appendedAnswer,
  INDEX_HEADERS,
  indexAnswer,
} from "./added-answers.ts";
import { type BodySource, readBody, readLargeBody } from "./body.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { Answer, Exchange, HotHandler, HotRoute } from "./exchange.ts";
import { WRITE_HEADERS } from "./headers.ts";
import { KeptMemory } from "./kept-memory.ts";
import type { HttpLimits } from "./limits.ts";
import { preferredType, preferredWaitSeconds } from "./negotiate.ts";
import { RECEIPT_TYPE, ReceiptWaiter } from "./receipts.ts";
import { WRITE_PROBLEM_ANSWERS } from "./schemas.ts";
import type { Permit } from "./write-tokens.ts";

/** What writes need, and what they may cost. */
export interface AddOptions extends HttpLimits {
  readonly writeAccess: WriteAccess;
}

/** `POST /add` and `POST /add-batch`: answered when durable, never before. */
export function addRoutes(log: Log, options: AddOptions): readonly HotRoute[] {
  const permitFor = writeCheck(options.writeAccess);
  const waiter = new ReceiptWaiter(log, options);
  const budget = new ByteBudget(options.maxIncomingBytes);
  const memory = new KeptMemory(MAX_KEPT_BYTES);
  const add: HotHandler = async (exchange) => {
    const permit = permitFor(exchange);
    const source = counted(exchange, permit);
    const entry = await readBody(source, smaller(permit.maxEntryBytes, log.limits.maxEntryBytes));
    const appended = await charged(permit, 1, () => log.add(entry));
    const type = preferredType(exchange.header("accept"), ADD_TYPES);
    if (type === "text/plain") return indexAnswer(appended);
    if (type === "application/json") return appendedAnswer(appended);
    const wait = preferredWait(exchange, options.maxWaitMs);
    const receipt = await waiter.receiptWithin({ leafIndex: appended.leafIndex, waitMs: wait.ms, exchange });
    if (receipt === undefined) return { ...lateAnswer(appended, wait.applied), added: appended };
    const ofBody = { "Content-Type": RECEIPT_TYPE, "Content-Length": String(receipt.length) };
    const headers = { ...WRITE_HEADERS, ...wait.applied, ...ofBody };
    return { status: 200, headers, body: receipt, added: appended };
  };
  const addBatch: HotHandler = async (exchange) => {
    const permit = permitFor(exchange);
    const body = await readLargeBody(counted(exchange, permit), {
      maxBytes: options.maxBatchBytes,
      budget,
      memory,
    });
    const bodyBytes = body.length;
    try {
      const block = parseEntryBlock(body.bytes(), { maxEntries: log.limits.maxBatchEntries });
      assertEntriesFit(block, permit.maxEntryBytes);
      const appended = await charged(permit, entryCount(block), () => log.addBlock(block));
      // Only what is durable is nobody's any more: of a batch that failed, the log may still be writing the bytes.
      body.giveBack();
      return { ...batchAnswer(appended), added: appended };
    } finally {
      budget.give(bodyBytes);
    }
  };
  return [
    { method: "POST", path: "/add", handle: add },
    { method: "POST", path: "/add-batch", handle: addBatch },
  ];
}

/** Of the bodies of batches, for the next ones. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

/** The body, of which the token pays for all that came, also of one that is cut off or refused. */
function counted(exchange: Exchange, permit: Permit): BodySource {
  if (!permit.isLimited) return exchange;
  return {
    header: (name) => exchange.header(name),
    async readBody(take) {
      let bytes = 0; // owned by the loop
      try {
        await exchange.readBody((piece) => {
          bytes += piece.length;
          take(piece);
        });
      } finally {
        permit.receive(bytes);
      }
    },
  };
}

/** A token pays for what was added: what a log that is full, ended or read-only turned away is tried again. */
async function charged<T>(permit: Permit, entries: number, add: () => Promise<T>): Promise<T> {
  const giveBack = permit.charge(entries);
  try {
    return await add();
  } catch (error) {
    giveBack();
    throw error;
  }
}

function smaller(ofToken: number | undefined, ofLog: number): number {
  return ofToken === undefined ? ofLog : Math.min(ofToken, ofLog);
}

/** @throws {TlogError} ENTRY_TOO_LARGE: larger than the token may add; the log looks at its own limit itself. */
function assertEntriesFit({ offsets }: EntryBlock, maxBytes: number | undefined): void {
  if (maxBytes === undefined) return;
  const at = offsets.findIndex(
    (start, index) => (offsets[index + 1] ?? start) - start - LENGTH_BYTES > maxBytes,
  );
  if (at === -1) return;
  throw new TlogError(
    "ENTRY_TOO_LARGE",
    `entry ${at} of the batch: want at most ${maxBytes} bytes with this token`,
  );
}

/** Before each entry of a block. */
const LENGTH_BYTES = 2;

/** The entry is durable, its receipt is not there yet. */
function lateAnswer({ leafIndex }: Appended, applied: Record<string, string>): Answer {
  const headers = { ...INDEX_HEADERS, ...applied, Location: `/receipt/${leafIndex}`, "Retry-After": "1" };
  return { ...textAnswer(String(leafIndex), headers), status: 202 };
}

function textAnswer(body: string, headers: Readonly<Record<string, string>>): Answer {
  return { status: 200, headers: { ...headers, "Content-Length": String(Buffer.byteLength(body)) }, body };
}

/** How long to wait for a receipt, and the header that says so when the client asked. RFC 7240 §3 and §4.3 */
function preferredWait(
  exchange: Exchange,
  maxMs: number,
): { readonly ms: number; readonly applied: Record<string, string> } {
  const seconds = preferredWaitSeconds(exchange.header("prefer"));
  if (seconds === undefined) return { ms: maxMs, applied: {} };
  const ms = Math.min(seconds * 1000, maxMs);
  return { ms, applied: { "Preference-Applied": `wait=${Math.ceil(ms / 1000)}` } };
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

/** A {@link BatchAnswer}, written by hand: the names once, and not an object for each entry. */
function batchAnswer({ leafIndices, duplicates }: AppendedBlock): Answer {
  const body = `{"leafIndices":[${leafIndices.join(",")}],"duplicates":[${duplicates.join(",")}]}`;
  return textAnswer(body, ADDED_JSON_HEADERS);
}
