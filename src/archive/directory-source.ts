/** A log as a static directory: `checkpoint`, `tile/0/000`, `tile/entries/000`, as `bristlecone export` and others write it.  c2sp.org/tlog-tiles */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { KEY_HISTORY_PATH, MAX_KEY_HISTORY_BYTES } from "../tlog/key-history.ts";
import { MAX_NOTE_BYTES } from "../tlog/note.ts";
import { formatBundlePath, formatTilePath, TILE_WIDTH } from "../tlog/tile.ts";
import { firstEntries, firstHashes, type LogSource, maxBundleBytes } from "./source.ts";

const READ_AHEAD = 8;

/** @param directory - its files are read as they are asked for: it need not be whole. */
export function openDirectorySource(directory: string): LogSource {
  return {
    location: directory,
    readAhead: READ_AHEAD,
    readCheckpoint: (signal) => readBounded(join(directory, "checkpoint"), MAX_NOTE_BYTES, signal),
    async readKeyHistory(signal) {
      try {
        return await readBounded(join(directory, KEY_HISTORY_PATH), MAX_KEY_HISTORY_BYTES, signal);
      } catch (error) {
        if (error instanceof TlogError && error.code === "NOT_FOUND") return undefined;
        throw error;
      }
    },
    async readTile(tile, signal) {
      const { bytes, held, path } = await readWide({
        width: tile.width,
        pathAt: (width) => join(directory, formatTilePath({ ...tile, width })),
        maxBytesAt: (width) => width * HASH_BYTES,
        signal,
      });
      return firstHashes(bytes, { held, width: tile.width, name: path });
    },
    async readBundle(bundle, signal) {
      const { bytes, held, path } = await readWide({
        width: bundle.width,
        pathAt: (width) => join(directory, formatBundlePath({ ...bundle, width })),
        maxBytesAt: maxBundleBytes,
        signal,
      });
      return firstEntries(bytes, { held, width: bundle.width, name: path });
    },
  };
}

/** A partial one may be gone because the tree grew past it: the full one begins with the same.  c2sp.org/tlog-tiles, "Partial Tiles" */
async function readWide(args: {
  readonly width: number;
  readonly pathAt: (width: number) => string;
  readonly maxBytesAt: (width: number) => number;
  readonly signal: AbortSignal;
}): Promise<{ readonly bytes: Uint8Array; readonly held: number; readonly path: string }> {
  const { pathAt, maxBytesAt, signal } = args;
  const readAt = async (held: number) => {
    const path = pathAt(held);
    return { bytes: await readBounded(path, maxBytesAt(held), signal), held, path };
  };
  try {
    return await readAt(args.width);
  } catch (error) {
    const isGone = error instanceof TlogError && error.code === "NOT_FOUND";
    if (!isGone || args.width === TILE_WIDTH) throw error;
    // What is missing is then said of the one that was asked for.
    return await readAt(TILE_WIDTH).catch(() => Promise.reject(error));
  }
}

/** @throws {TlogError} NOT_FOUND | FILE_UNREADABLE, also for a file of more than `maxBytes` | ABORTED */
async function readBounded(path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  if (signal.aborted) throw new TlogError("ABORTED", "stopped");
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw new TlogError("FILE_UNREADABLE", `${path}: want at most ${maxBytes} bytes, got ${size}`);
      }
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) {
      throw new TlogError("NOT_FOUND", `${path} is missing`, { cause });
    }
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}
