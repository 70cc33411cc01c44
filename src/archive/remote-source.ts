/** A log behind a URL: any that serves C2SP tlog-tiles. */
import type { Fetcher } from "../../client/fetcher.ts";
import { requestWide } from "../../client/tile-source.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { KEY_HISTORY_PATH, MAX_KEY_HISTORY_BYTES } from "../tlog/key-history.ts";
import { MAX_NOTE_BYTES } from "../tlog/note.ts";
import { formatBundlePath, formatTilePath } from "../tlog/tile.ts";
import { firstEntries, firstHashes, type LogSource, maxBundleBytes } from "./source.ts";

/** Enough to keep a line busy, few enough for a stranger's server. */
const READ_AHEAD = 8;

/** What a server says of a file that it does not have; stores of objects say 403 to who may not list them. */
const NONE_THERE: readonly number[] = [403, 404, 410];

/** @param url - of the log, for messages. @param fetcher - of that URL. */
export function openRemoteSource(url: string, fetcher: Fetcher): LogSource {
  return {
    location: url,
    readAhead: READ_AHEAD,
    async readCheckpoint(signal) {
      const { body } = await fetcher.request({ path: "checkpoint", maxBytes: MAX_NOTE_BYTES, signal });
      return body;
    },
    async readKeyHistory(signal) {
      const request = { path: KEY_HISTORY_PATH, maxBytes: MAX_KEY_HISTORY_BYTES, signal };
      const { status, body } = await fetcher.request({ ...request, answers: NONE_THERE });
      return NONE_THERE.includes(status) ? undefined : body;
    },
    async readTile(tile, signal) {
      const pathAt = (width: number) => formatTilePath({ ...tile, width });
      const { body, width: held } = await requestWide(fetcher, {
        width: tile.width,
        pathAt,
        maxBytesAt: (width) => width * HASH_BYTES,
        signal,
      });
      return firstHashes(body, { held, width: tile.width, name: `${url} ${pathAt(held)}` });
    },
    async readBundle(bundle, signal) {
      const pathAt = (width: number) => formatBundlePath({ ...bundle, width });
      const { body, width: held } = await requestWide(fetcher, {
        width: bundle.width,
        pathAt,
        maxBytesAt: maxBundleBytes,
        signal,
      });
      return firstEntries(body, { held, width: bundle.width, name: `${url} ${pathAt(held)}` });
    },
  };
}
