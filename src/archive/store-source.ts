/** A log in a data directory of this machine, read beside whoever writes it. */
import { TlogError } from "../errors.ts";
import { assertWholeDataFile } from "../store/data-file-audit.ts";
import { type LmdbReader, openLmdbReader } from "../store/lmdb.ts";
import type { LogReader } from "../store/store.ts";
import { formatBundlePath, formatTilePath, TILE_WIDTH } from "../tlog/tile.ts";
import type { LogSource } from "./source.ts";

/** Reading is synchronous beneath: more ahead would only hold memory. */
const READ_AHEAD = 2;

/** @param store - stays the caller's, who closes it. */
export function openStoreSource(store: LogReader, directory: string): LogSource {
  const found = (bytes: Uint8Array | undefined, path: string): Uint8Array => {
    if (bytes !== undefined) return bytes;
    throw new TlogError("NOT_FOUND", `${directory} does not hold ${path}`);
  };
  return {
    location: directory,
    readAhead: READ_AHEAD,
    async readCheckpoint() {
      const { published } = await store.head();
      if (published !== undefined) return published.checkpoint;
      throw new TlogError(
        "NOT_FOUND",
        `${directory} has no checkpoint: nothing was published from there yet`,
      );
    },
    async readKeyHistory() {
      return (await store.head()).keys?.history;
    },
    async readTile(tile, signal) {
      throwIfStopped(signal);
      return found(await store.readTile(tile), formatTilePath(tile));
    },
    async readBundle(bundle, signal) {
      throwIfStopped(signal);
      const start = bundle.index * TILE_WIDTH;
      return found(await store.readEntries({ start, end: start + bundle.width }), formatBundlePath(bundle));
    },
  };
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new TlogError("ABORTED", "stopped");
}

/**
 * Opens what may be damaged: a file that was cut off would end the process once LMDB has mapped it.
 * @throws {TlogError} as `openLmdbReader`
 */
export async function openWholeReader(directory: string): Promise<LmdbReader> {
  await assertWholeDataFile(directory);
  return await openLmdbReader({ directory });
}
