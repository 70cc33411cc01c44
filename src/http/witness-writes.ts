import { Hono } from "hono";
import { MAX_ADD_CHECKPOINT_BYTES } from "../tlog/add-checkpoint.ts";
import type { Witness } from "../witness/witness.ts";
import { type BodySource, readBody, readLargeBody } from "./body.ts";
import { ByteBudget } from "./byte-budget.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import type { Answer, HotHandler, HotRoute } from "./exchange.ts";
import { preflightFor, WITNESS_WRITE_HEADERS } from "./headers.ts";
import type { WitnessHttpLimits } from "./limits.ts";
import type { HttpEnv } from "./path.ts";
import type { OnError } from "./problem.ts";
import { witnessProblemAnswer } from "./witness-problem.ts";

/** What most requests are below: these are read whole, without a look at the budget, as many as there are connections. */
const SMALL_BODY_BYTES = 16 * 1024;

/**
 * `POST /add-checkpoint` and `POST /sign-subtree`: who asks is known by the signature in the body, and by nothing else, so no
 * Content-Type is looked at and any page may ask.  c2sp.org/tlog-witness
 */
export function witnessWriteRoutes(
  witness: Witness,
  { onError, ...limits }: WitnessHttpLimits & { readonly onError?: OnError | undefined },
): readonly HotRoute[] {
  const inTime = concurrencyLimit(limits.maxConcurrentRequests);
  const budget = new ByteBudget(limits.maxIncomingBytes);
  const answer =
    (cosign: (body: Uint8Array) => Promise<Uint8Array>): HotHandler =>
    async (exchange) => {
      try {
        return await withBody(exchange, { maxBytes: MAX_ADD_CHECKPOINT_BYTES, budget }, async (body) =>
          linesAnswer(await inTime(() => cosign(body))),
        );
      } catch (error) {
        const { method, path, requestId } = exchange;
        const problem = witnessProblemAnswer(error, { method, requestId });
        if (problem.status === 500) onError?.({ error, method, path, requestId });
        return problem;
      }
    };
  return [
    { method: "POST", path: "/add-checkpoint", handle: answer((body) => witness.addCheckpoint(body)) },
    { method: "POST", path: "/sign-subtree", handle: answer((body) => witness.signSubtree(body)) },
  ];
}

/** What browsers ask before they write. */
export function witnessPreflights(): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .options("/add-checkpoint", () => preflightFor("POST"))
    .options("/sign-subtree", () => preflightFor("POST"));
}

/**
 * Reads a body and works on it; what is large counts against the budget until the work is done.
 * @throws {TlogError} BODY_TOO_LARGE | BODY_INCOMPLETE | CONTENT_ENCODING_UNSUPPORTED | SERVER_BUSY, and as the work
 */
export async function withBody<T>(
  source: BodySource,
  limits: { readonly maxBytes: number; readonly budget: ByteBudget },
  work: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  const declared = source.header("content-length");
  if (declared !== undefined && /^\d{1,5}$/.test(declared) && Number(declared) <= SMALL_BODY_BYTES) {
    return await work(await readBody(source, SMALL_BODY_BYTES));
  }
  const body = await readLargeBody(source, { ...limits, fullCode: "SERVER_BUSY" });
  try {
    return await work(body.bytes());
  } finally {
    limits.budget.give(body.length);
  }
}

function linesAnswer(lines: Uint8Array): Answer {
  return { status: 200, headers: { ...LINES_HEADERS, "Content-Length": String(lines.length) }, body: lines };
}

const LINES_HEADERS = { ...WITNESS_WRITE_HEADERS, "Content-Type": "text/plain; charset=utf-8" } as const;
