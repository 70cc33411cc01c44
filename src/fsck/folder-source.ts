/** A static directory of a log, as a web server would serve it.  c2sp.org/tlog-tiles */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { decodeBundle, encodeBundle } from "../tlog/entry-bundle.ts";
import { type BundleCoordinate, formatBundlePath, formatTilePath, TILE_WIDTH } from "../tlog/tile.ts";
import type { TreeSource } from "./source.ts";

/** Files that a small disk cache reads while others are hashed. */
const READ_AHEAD = 8;

/** A partial tile that is gone is read from the full one, as the document allows. */
export function openFolderSource(directory: string): TreeSource {
  return {
    readAhead: READ_AHEAD,
    async readTile(tile) {
      const own = await readIfThere(join(directory, formatTilePath(tile)));
      if (own !== undefined || tile.width === TILE_WIDTH) return own;
      const full = await readIfThere(join(directory, formatTilePath({ ...tile, width: TILE_WIDTH })));
      return full?.subarray(0, tile.width * HASH_BYTES);
    },
    async readBundle(bundle) {
      const own = await readIfThere(join(directory, formatBundlePath(bundle)));
      if (own !== undefined || bundle.width === TILE_WIDTH) return own;
      const full = await readIfThere(join(directory, formatBundlePath({ ...bundle, width: TILE_WIDTH })));
      return full && firstOf(full, bundle);
    },
  };
}

/** The first entries of a full bundle; all of it, when they cannot be told apart. */
export function firstOf(full: Uint8Array, { width }: Pick<BundleCoordinate, "width">): Uint8Array {
  try {
    return encodeBundle(decodeBundle(full, TILE_WIDTH).slice(0, width));
  } catch (error) {
    if (error instanceof TlogError) return full;
    throw error;
  }
}

/** @throws {TlogError} STORE_DAMAGED (the disk cannot read it) | FILE_UNREADABLE */
async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return undefined;
    const isDamage = hasErrorCode(cause, "EIO") || hasErrorCode(cause, "EISDIR");
    const message = `${path} cannot be read: ${messageOf(cause)}`;
    throw new TlogError(isDamage ? "STORE_DAMAGED" : "FILE_UNREADABLE", message, { cause });
  }
}
