/** A log behind a URL.  c2sp.org/tlog-tiles */
import { RemoteRefusedError } from "../../client/errors.ts";
import { openFetcher } from "../../client/fetcher.ts";
import { requestWide } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { formatBundlePath, formatTilePath } from "../tlog/tile.ts";
import { firstOf } from "./folder-source.ts";
import type { TreeSource } from "./source.ts";

/** Bundles, and their tiles beside them, that are under way in each process. */
const READ_AHEAD = 3;

export function openUrlSource(
  { url, timeoutMs }: { readonly url: string; readonly timeoutMs: number },
  signal: AbortSignal | undefined,
): TreeSource {
  const fetcher = openFetcher(url, { timeoutMs });
  return {
    readAhead: READ_AHEAD,
    readTile: (tile) =>
      ifThere(async () => {
        const { body } = await requestWide(fetcher, {
          width: tile.width,
          pathAt: (width) => formatTilePath({ ...tile, width }),
          maxBytesAt: (width) => width * HASH_BYTES,
          signal,
        });
        return body.subarray(0, tile.width * HASH_BYTES);
      }),
    readBundle: (bundle) =>
      ifThere(async () => {
        const { body, width } = await requestWide(fetcher, {
          width: bundle.width,
          pathAt: (wide) => formatBundlePath({ ...bundle, width: wide }),
          maxBytesAt: (wide) => wide * (2 + MAX_ENTRY_BYTES),
          signal,
        });
        return width === bundle.width ? body : firstOf(body, bundle);
      }),
  };
}

/** Buckets answer 403 for what they do not have. */
async function ifThere(request: () => Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await request();
  } catch (error) {
    const isMissing = error instanceof RemoteRefusedError && [403, 404, 410].includes(error.status);
    if (isMissing) return undefined;
    if (error instanceof TlogError && error.code === "REMOTE_TOO_LARGE") {
      throw new TlogError("STORE_DAMAGED", error.message, { cause: error });
    }
    throw error;
  }
}
