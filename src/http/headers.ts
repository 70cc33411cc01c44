/** Response headers that several routes share. Plain objects: a `Headers` per response costs more than a tile read. */

/** Never guess a type from bytes a stranger logged. */
const NO_SNIFFING = { "X-Content-Type-Options": "nosniff" } as const;

/** Readers in browsers verify what they read, so any origin may read. */
export const READ_HEADERS = { ...NO_SNIFFING, "Access-Control-Allow-Origin": "*" } as const;

/** Writes carry no CORS headers: a page of another origin must not write with a visitor's network position. */
export const WRITE_HEADERS = { ...NO_SNIFFING, "Cache-Control": "no-store" } as const;

/** Writes to a witness are believed for the signature they carry, not for who sends them, so a page of any origin may send one. */
export const WITNESS_WRITE_HEADERS = {
  ...WRITE_HEADERS,
  ...READ_HEADERS,
  "Access-Control-Expose-Headers": "Location, Retry-After",
} as const;

/** Fetch standard, "CORS-preflight fetch". A day is the most that browsers keep. */
export function preflightFor(methods: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...READ_HEADERS,
      Allow: `${methods}, OPTIONS`,
      "Access-Control-Allow-Methods": methods,
      "Access-Control-Allow-Headers": "*",
      "Access-Control-Max-Age": "86400",
    },
  });
}

/** A tile, once it exists, never changes. tlog-tiles, "Merkle Tree": "caching headers SHOULD be long-lived" */
export const IMMUTABLE = "public, max-age=31536000, immutable";

/** May be stored, must be revalidated each time. tlog-tiles, "Checkpoints": not cached "beyond a few seconds" */
export const REVALIDATE = "no-cache";

/** What a witness cosigned last: a CDN may hold it a little. tlog-witness: not "for more than an hour" */
export const SHORT_LIVED = "public, max-age=5";

/** What does not exist now may exist in a second. */
export const NOT_STORED = "no-store";
