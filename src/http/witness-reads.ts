import { Hono } from "hono";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import type { Witness } from "../witness/witness.ts";
import { isNotModified, notModified } from "./caching.ts";
import { READ_HEADERS, SHORT_LIVED } from "./headers.ts";
import type { HttpEnv } from "./path.ts";
import { HEX_64 } from "./witness-paths.ts";

/** `GET /<origin hash>/checkpoint`: what monitors read.  c2sp.org/tlog-witness, monitor retrieval mechanism */
export function witnessReadRoutes(witness: Witness): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get(`/:originHash${HEX_64}/checkpoint`, async ({ req }) => {
    const originHash = req.param("originHash");
    const checkpoint = await witness.checkpoint(originHash);
    if (checkpoint === undefined) throw noCheckpoint(witness, originHash);
    const headers = {
      ...READ_HEADERS,
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(checkpoint.length),
      "Cache-Control": SHORT_LIVED,
      ETag: `"${encodeHex(sha256(checkpoint)).slice(0, 32)}"`,
    };
    if (isNotModified(req.raw.headers.get("If-None-Match"), headers.ETag)) return notModified(headers);
    return new Response(new Uint8Array(checkpoint), { headers });
  });
}

function noCheckpoint(witness: Witness, originHash: string): TlogError {
  const log = witness.roster.findByHash(originHash);
  if (log === undefined)
    return new TlogError("LOG_UNKNOWN", `no log whose origin has the hash ${originHash}`);
  return new TlogError("NOT_PUBLISHED", `${log.origin}: no checkpoint was cosigned yet`);
}
