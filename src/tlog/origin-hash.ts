import { sha256 } from "#crypto";
import { encodeHex, encodeUtf8 } from "./encoding.ts";

/** SHA-256 of a log's origin, 64 lowercase hex digits: what a monitor asks a witness by.  c2sp.org/tlog-witness, monitor retrieval */
export function originHash(origin: string): string {
  return encodeHex(sha256(encodeUtf8(origin)));
}
