/** Where the bytes come from that are checked: a store, a static directory, a log behind a URL. */
import { type ErrorCode, TlogError } from "../errors.ts";
import { type BundleCoordinate, formatBundlePath, formatTilePath, type Tile } from "../tlog/tile.ts";

/**
 * What is there, unjudged: bytes of any length, which the caller owns; undefined when it is missing.
 * A STORE_DAMAGED or STORE_FAILED that a method throws is about what was asked for; any other error ends the check.
 */
export interface TreeSource {
  /** How many bundles are asked for before the first has come. */
  readonly readAhead: number;
  readTile(tile: Tile): Promise<Uint8Array | undefined>;
  /** The entries in bundle encoding. */
  readBundle(bundle: BundleCoordinate): Promise<Uint8Array | undefined>;
  /** The stored inner nodes of a full tile of level 0, where there are any. */
  readonly readInner?: (tileIndex: number) => Promise<Uint8Array | undefined>;
  /** Those of the open tile of a tree of this size, 960 bytes, zeroes for what is not complete; undefined when none are kept or used. */
  readonly readOpenInner?: (treeSize: number) => Promise<Uint8Array | undefined>;
}

/** Bytes, or why there are none. */
export type Piece =
  | { readonly bytes: Uint8Array; readonly problem?: undefined }
  | { readonly bytes?: undefined; readonly problem: string };

const DAMAGE: readonly ErrorCode[] = ["STORE_DAMAGED", "STORE_FAILED", "REMOTE_TOO_LARGE"];

/** @throws what is no damage: the network, a signal */
export async function pieceOf(reading: Promise<Uint8Array | undefined>): Promise<Piece> {
  try {
    const bytes = await reading;
    return bytes === undefined ? { problem: "it is missing" } : { bytes };
  } catch (error) {
    return { problem: damageIn(error) };
  }
}

/** What is damaged, in words. @throws `error`, when it is about something else */
export function damageIn(error: unknown): string {
  if (error instanceof TlogError && DAMAGE.includes(error.code)) return error.message;
  throw error;
}

/** Told of each thing before it is read, by its name; throws STORE_DAMAGED for what must not be read again. */
export type BeforeReading = (name: string) => Promise<void>;

/** The same source for a process that reading may end: what it was at is known then. */
export function announcing(source: TreeSource, before: BeforeReading): TreeSource {
  const { readInner, readOpenInner } = source;
  return {
    readAhead: 1,
    async readTile(tile) {
      await before(formatTilePath(tile));
      return await source.readTile(tile);
    },
    async readBundle(bundle) {
      await before(formatBundlePath(bundle));
      return await source.readBundle(bundle);
    },
    ...(readInner !== undefined && {
      async readInner(tileIndex: number) {
        await before(`inner nodes of ${formatTilePath({ level: 0, index: tileIndex, width: 256 })}`);
        return await readInner(tileIndex);
      },
    }),
    ...(readOpenInner !== undefined && {
      async readOpenInner(treeSize: number) {
        await before("inner nodes of the open tile");
        return await readOpenInner(treeSize);
      },
    }),
  };
}
