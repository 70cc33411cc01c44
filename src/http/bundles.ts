import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { parseBundlePath, TILE_WIDTH } from "../tlog/tile.ts";
import { ByteBudget } from "./byte-budget.ts";
import { isNotModified, unchanged } from "./caching.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { gzipper } from "./gzip.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { holdUntilSent } from "./hold-until-sent.ts";
import type { HttpLimits } from "./limits.ts";
import { prefersGzip } from "./negotiate.ts";
import { assertPublished, logTagOf } from "./published.ts";

/** The handler of `GET /tile/entries/<N>[.p/<W>]`.  c2sp.org/tlog-tiles, "Log entries" */
export function bundleHandler(
  log: Pick<LogView, "origin" | "vkeys" | "readableSize" | "readEntries">,
  options: HttpLimits,
): (exchange: Exchange) => Promise<Answer> {
  const logTag = logTagOf(log);
  const gzip = gzipper(options.maxConcurrentGzips);
  const budget = new ByteBudget(options.maxOutgoingBytes);
  const lengths = new BundleLengths();
  return async (exchange) => {
    const { path, outgoing } = exchange;
    const { index, width } = parseBundlePath(path.slice(1));
    assertPublished({ level: 0, index, width }, log.readableSize());
    const etag = `entries.${index}.${width}-${logTag}`;
    const headers = { ...BUNDLE_HEADERS, ETag: `"${etag}"` };
    const gzipHeaders = { ...BUNDLE_HEADERS, ETag: `"${etag}-gzip"`, "Content-Encoding": "gzip" };
    const ifNoneMatch = exchange.header("if-none-match");
    if (isNotModified(ifNoneMatch, headers.ETag)) return unchanged(headers);
    if (isNotModified(ifNoneMatch, gzipHeaders.ETag)) return unchanged(gzipHeaders);
    // Before it is read: to refuse it then would cost the server as much as to send it, and who asks in a loop nothing.
    const hold = holdUntilSent(lengths.expected(index, width), budget, outgoing);
    const start = index * TILE_WIDTH;
    const bundle = await log.readEntries({ start, end: start + width });
    if (bundle === undefined) throw new TlogError("STORE_DAMAGED", `${path} is signed and not stored`);
    lengths.remember(index, bundle.length / width);
    hold(bundle.length);
    const zipped = prefersGzip(exchange.header("accept-encoding")) ? await gzip(bundle) : undefined;
    return zipped === undefined ? answer(bundle, headers) : answer(zipped, gzipHeaders);
  };
}

/** How long bundles are, from those that were read last: a large one must not make small ones wait for its room. */
class BundleLengths {
  readonly #perEntry = new Map<number, number>(); // owned by remember(); bytes an entry, by bundle
  #sum = 0; // owned by remember()

  /** Of one that is not remembered: nothing, so that it is read to know; once no more can be remembered, the mean of those that are. */
  expected(index: number, width: number): number {
    const mean = this.#perEntry.size < MAX_REMEMBERED ? 0 : this.#sum / MAX_REMEMBERED;
    return Math.min(Math.ceil(width * (this.#perEntry.get(index) ?? mean)), width * MAX_STORED_BYTES);
  }

  remember(index: number, bytesPerEntry: number): void {
    const [oldest] = this.#perEntry.size < MAX_REMEMBERED ? [index] : this.#perEntry.keys();
    for (const forgotten of new Set([index, oldest ?? index])) {
      this.#sum -= this.#perEntry.get(forgotten) ?? 0;
      this.#perEntry.delete(forgotten);
    }
    this.#perEntry.set(index, bytesPerEntry);
    this.#sum += bytesPerEntry;
  }
}

const MAX_REMEMBERED = 4096;

/** Of an entry in a bundle: itself, and two bytes of length. */
const MAX_STORED_BYTES = MAX_ENTRY_BYTES + 2;

const BUNDLE_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "application/octet-stream",
  "Cache-Control": IMMUTABLE,
  Vary: "Accept-Encoding",
} as const;

function answer(bytes: Uint8Array, headers: Record<string, string>): Answer {
  return { status: 200, headers: { ...headers, "Content-Length": String(bytes.length) }, body: bytes };
}
