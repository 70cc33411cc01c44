import { z } from "@hono/zod-openapi";
import { Hono } from "hono";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import type { EvidenceEntry } from "../store/witness-store.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { MAX_EVIDENCE_BYTES } from "../tlog/fork-evidence.ts";
import { originHash } from "../tlog/origin-hash.ts";
import { RateLimitedError, type Witness } from "../witness/witness.ts";
import { bodyOf } from "./body.ts";
import { ByteBudget } from "./byte-budget.ts";
import { isNotModified, notModified } from "./caching.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { preflightFor, READ_HEADERS, REVALIDATE, WITNESS_WRITE_HEADERS } from "./headers.ts";
import { holdUntilSent } from "./hold-until-sent.ts";
import type { WitnessHttpLimits } from "./limits.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex } from "./schemas.ts";
import { evidencePath, HEX_64 } from "./witness-paths.ts";
import { withBody } from "./witness-writes.ts";

const EVIDENCE_TYPE = "text/plain; charset=utf-8";
const MINUTE_MS = 60_000;

export interface EvidenceRouteOptions extends WitnessHttpLimits {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** Evidence that a log, or a witness, contradicted itself: taken from anybody (what it says is verified), given to everybody. */
export function witnessEvidenceRoutes(witness: Witness, options: EvidenceRouteOptions): Hono<HttpEnv> {
  const oneOfFew = concurrencyLimit(options.maxConcurrentEvidence);
  const incoming = new ByteBudget(options.maxIncomingBytes);
  const outgoing = new ByteBudget(options.maxOutgoingBytes);
  const assertNotTooOften = perMinuteAndLog(options.maxEvidencePerMinute, options.now);
  const app = new Hono<HttpEnv>();
  app.get(`/:originHash${HEX_64}/evidence/:evidenceId${HEX_64}`, async ({ req, env }) => {
    const { originHash: hash, evidenceId } = req.param();
    const found = await witness.evidenceFile(hash, evidenceId);
    if (found === undefined) throw new TlogError("NOT_FOUND", `no evidence ${evidenceId} about this log`);
    const headers = { ...FILE_HEADERS, ETag: `"${encodeHex(sha256(found)).slice(0, 32)}"` };
    if (isNotModified(req.raw.headers.get("If-None-Match"), headers.ETag)) return notModified(headers);
    holdUntilSent(found.length, outgoing, env?.outgoing);
    return new Response(new Uint8Array(found), {
      headers: { ...headers, "Content-Length": String(found.length) },
    });
  });
  app.post("/evidence", ({ req }) =>
    withBody(bodyOf(req.raw), { maxBytes: MAX_EVIDENCE_BYTES, budget: incoming }, (body) =>
      oneOfFew(async () => taken(await witness.addEvidence(body, [], assertNotTooOften))),
    ),
  );
  app.options("/evidence", () => preflightFor("POST"));
  return app.get(`/:originHash${HEX_64}/evidence`, async ({ req }) => {
    const hash = req.param("originHash");
    const held = await witness.evidence(hash);
    if (held.length === 0 && witness.roster.findByHash(hash) === undefined) {
      throw new TlogError("LOG_UNKNOWN", `no log whose origin has the hash ${hash}`);
    }
    return Response.json({ evidence: held.map(listItem) }, { headers: LIST_HEADERS });
  });
}

const LIST_HEADERS = { ...READ_HEADERS, "Cache-Control": REVALIDATE } as const;

/** A file may gain signatures. What it says came from a stranger, so a browser must neither guess its type nor run it. */
const FILE_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": EVIDENCE_TYPE,
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Cache-Control": REVALIDATE,
} as const;

function taken({ id, origin, isNew }: Awaited<ReturnType<Witness["addEvidence"]>>): Response {
  const location = evidencePath({ originHash: originHash(origin), evidenceId: id });
  return Response.json(
    { id, isNew, evidence: location },
    { status: isNew ? 201 : 200, headers: { ...WITNESS_WRITE_HEADERS, Location: location } },
  );
}

/**
 * Anybody may have signatures checked. Each log has its own share, refilled all the time, so that who floods one neither stops
 * evidence about the others nor, for long, about that one.
 */
function perMinuteAndLog(max: number, now: () => number): (origin: string) => void {
  const shares = new Map<string, { readonly left: number; readonly atMs: number }>(); // of logs of the roster only
  return (origin) => {
    const atMs = now();
    const last = shares.get(origin) ?? { left: max, atMs };
    const left = Math.min(max, last.left + ((atMs - last.atMs) * max) / MINUTE_MS);
    if (left < 1) {
      throw new RateLimitedError(origin, Math.ceil(((1 - left) * MINUTE_MS) / max / 1000));
    }
    shares.set(origin, { left: left - 1, atMs });
  };
}

/** What `GET /<origin hash>/evidence` lists of each file. */
export const EvidenceItem = z
  .object({
    id: HashHex.openapi({ description: "Of the statement: spec/fork-evidence.md." }),
    origin: z.string(),
    kind: z.string().openapi({ example: "same-size" }),
    convictsLog: z.boolean().openapi({ description: "The witness cosigns this log no more." }),
    receivedAtSeconds: z.int(),
    evidence: z.string().openapi({ description: "Where the file is, relative to this list." }),
  })
  .openapi("EvidenceItem");

function listItem(held: EvidenceEntry): z.infer<typeof EvidenceItem> {
  const { id, origin, kind, convictsLog, receivedAtSeconds } = held;
  return { id, origin, kind, convictsLog, receivedAtSeconds, evidence: `evidence/${id}` };
}
