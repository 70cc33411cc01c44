/** A file that was deployed with the page. */
import { openFetcher } from "../client/inspect.ts";

const TIMEOUT_MS = 15_000;

/**
 * Asked for anew: a browser's cache may hold one from before.
 * @throws {TlogError} REMOTE_UNREACHABLE | REMOTE_TIMEOUT | REMOTE_REFUSED | REMOTE_TOO_LARGE
 */
export async function fetchedFile(url: string, maxBytes: number): Promise<Uint8Array> {
  const { href } = new URL(".", url);
  const fetcher = openFetcher(href, {
    timeoutMs: TIMEOUT_MS,
    retry: { maxAttempts: 2 },
    fetch: (target, init) => fetch(target, { ...init, cache: "no-cache" }),
  });
  const { body } = await fetcher.request({ path: url.slice(href.length), maxBytes });
  return body;
}
