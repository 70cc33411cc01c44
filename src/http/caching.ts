import type { Answer } from "./exchange.ts";
import { responseFrom } from "./exchange-hono.ts";

/**
 * RFC 9110 §13.1.2: the list of entity tags, compared weakly; "*" matches whatever exists.
 * @param ifNoneMatch - the header's value, if any.
 */
export function isNotModified(ifNoneMatch: string | null | undefined, etag: string): boolean {
  if (ifNoneMatch === null || ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  for (const [, tag] of ifNoneMatch.matchAll(ENTITY_TAG)) {
    if (tag === etag) return true;
  }
  return false;
}

/** An entity tag with its optional weakness mark outside the group. */
const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** 304 with the headers a cache needs to refresh what it holds. RFC 9110 §15.4.5 */
export function unchanged(headers: Readonly<Record<string, string>>): Answer {
  return { status: 304, headers };
}

/** {@link unchanged} as fetch has it. */
export function notModified(headers: Readonly<Record<string, string>>): Response {
  return responseFrom(unchanged(headers));
}
