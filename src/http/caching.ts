/** RFC 9110 §13.1.2: the list of entity tags, compared weakly; "*" matches whatever exists. */
export function isNotModified(request: Request, etag: string): boolean {
  const ifNoneMatch = request.headers.get("If-None-Match");
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  for (const [, tag] of ifNoneMatch.matchAll(ENTITY_TAG)) {
    if (tag === etag) return true;
  }
  return false;
}

/** An entity tag with its optional weakness mark outside the group. */
const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** 304 with the headers a cache needs to refresh what it holds. RFC 9110 §15.4.5 */
export function notModified(headers: Record<string, string>): Response {
  return new Response(null, { status: 304, headers });
}
