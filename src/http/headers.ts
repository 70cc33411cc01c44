/** Response headers that several routes share. Plain objects: a `Headers` per response costs more than a tile read. */

/** Never guess a type from bytes a stranger logged. */
const NO_SNIFFING = { "X-Content-Type-Options": "nosniff" } as const;

/** Readers in browsers verify what they read, so any origin may read. */
export const READ_HEADERS = { ...NO_SNIFFING, "Access-Control-Allow-Origin": "*" } as const;

/** Writes carry no CORS headers: a page of another origin must not write with a visitor's network position. */
export const WRITE_HEADERS = { ...NO_SNIFFING, "Cache-Control": "no-store" } as const;

/** A tile, once it exists, never changes. tlog-tiles, "Merkle Tree": "caching headers SHOULD be long-lived" */
export const IMMUTABLE = "public, max-age=31536000, immutable";

/** May be stored, must be revalidated each time. tlog-tiles, "Checkpoints": not cached "beyond a few seconds" */
export const REVALIDATE = "no-cache";

/** What does not exist now may exist in a second. */
export const NOT_STORED = "no-store";
