import { Hono } from "hono";
import { MAX_ADD_CHECKPOINT_BYTES } from "../tlog/add-checkpoint.ts";
import type { Witness } from "../witness/witness.ts";
import { bodyOf, readBody, readLargeBody } from "./body.ts";
import { ByteBudget } from "./byte-budget.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { preflightFor, WITNESS_WRITE_HEADERS } from "./headers.ts";
import type { WitnessHttpLimits } from "./limits.ts";
import type { HttpEnv } from "./path.ts";

/** What most requests are below: these are read whole, without a look at the budget, as many as there are connections. */
const SMALL_BODY_BYTES = 16 * 1024;

/**
 * `POST /add-checkpoint` and `POST /sign-subtree`: who asks is known by the signature in the body, and by nothing else, so no
 * Content-Type is looked at and any page may ask.  c2sp.org/tlog-witness
 */
export function witnessWriteRoutes(witness: Witness, limits: WitnessHttpLimits): Hono<HttpEnv> {
  const inTime = concurrencyLimit(limits.maxConcurrentRequests);
  const budget = new ByteBudget(limits.maxIncomingBytes);
  const answer =
    (cosign: (body: Uint8Array) => Promise<Uint8Array>) =>
    ({ req }: { readonly req: { readonly raw: Request } }): Promise<Response> =>
      withBody(req.raw, { maxBytes: MAX_ADD_CHECKPOINT_BYTES, budget }, async (body) =>
        linesAnswer(await inTime(() => cosign(body))),
      );
  return new Hono<HttpEnv>()
    .post(
      "/add-checkpoint",
      answer((body) => witness.addCheckpoint(body)),
    )
    .post(
      "/sign-subtree",
      answer((body) => witness.signSubtree(body)),
    )
    .options("/add-checkpoint", () => preflightFor("POST"))
    .options("/sign-subtree", () => preflightFor("POST"));
}

/**
 * Reads a body and works on it; what is large counts against the budget until the work is done.
 * @throws {TlogError} BODY_TOO_LARGE | BODY_INCOMPLETE | CONTENT_ENCODING_UNSUPPORTED | SERVER_BUSY, and as the work
 */
export async function withBody<T>(
  request: Request,
  limits: { readonly maxBytes: number; readonly budget: ByteBudget },
  work: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  const declared = request.headers.get("Content-Length");
  if (declared !== null && /^\d{1,5}$/.test(declared) && Number(declared) <= SMALL_BODY_BYTES) {
    return await work(await readBody(bodyOf(request), SMALL_BODY_BYTES));
  }
  const body = await readLargeBody(bodyOf(request), { ...limits, fullCode: "SERVER_BUSY" });
  try {
    return await work(body.bytes());
  } finally {
    limits.budget.give(body.length);
  }
}

function linesAnswer(lines: Uint8Array): Response {
  return new Response(new Uint8Array(lines), {
    headers: {
      ...WITNESS_WRITE_HEADERS,
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(lines.length),
    },
  });
}
