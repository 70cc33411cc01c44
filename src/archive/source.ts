/** Where a whole log is read from, to be exported, imported or repaired: bytes that nobody vouches for. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { entryOffsets, MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import type { BundleCoordinate, Tile } from "../tlog/tile.ts";

/** A tree by size and root. */
export interface TreeHead {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/** A log as C2SP tlog-tiles has it, in whatever place. What it gives is neither copied nor kept: it belongs to the caller. */
export interface LogSource {
  /** Where that is, for messages. */
  readonly location: string;
  /** How many bundles may be asked for before the first has come. */
  readonly readAhead: number;
  /** The newest signed checkpoint, unchecked. @throws {TlogError} NOT_FOUND, and what the place fails with */
  readCheckpoint(signal: AbortSignal): Promise<Uint8Array>;
  /** The signed history of the log's keys, unchecked; undefined where there is none. @throws {TlogError} what the place fails with */
  readKeyHistory(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** @returns `tile.width` hashes, unchecked. @throws {TlogError} NOT_FOUND | TILE_MALFORMED, and what the place fails with */
  readTile(tile: Tile, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * @returns entries in bundle encoding, unchecked; as many as a bundle of `bundle.width` has, or of 256.
   * @throws {TlogError} NOT_FOUND | BUNDLE_MALFORMED, and what the place fails with
   */
  readBundle(bundle: BundleCoordinate, signal: AbortSignal): Promise<Uint8Array>;
}

const LENGTH_BYTES = 2;

/** The most a bundle can have. */
export function maxBundleBytes(width: number): number {
  return width * (LENGTH_BYTES + MAX_ENTRY_BYTES);
}

/** The first `width` hashes of a tile of which `held` were asked for. @throws {TlogError} TILE_MALFORMED unless there are `held` */
export function firstHashes(
  hashes: Uint8Array,
  { held, width, name }: { readonly held: number; readonly width: number; readonly name: string },
): Uint8Array {
  const want = held * HASH_BYTES;
  if (hashes.length === want) return hashes.subarray(0, width * HASH_BYTES);
  throw new TlogError("TILE_MALFORMED", `${name}: want ${want} bytes, got ${hashes.length}`);
}

/** The first `width` entries of a bundle of which `held` were asked for. @throws {TlogError} BUNDLE_MALFORMED */
export function firstEntries(
  bytes: Uint8Array,
  { held, width, name }: { readonly held: number; readonly width: number; readonly name: string },
): Uint8Array {
  try {
    return held === width ? bytes : bytes.subarray(0, entryOffsets(bytes, held)[width]);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `${name}: ${cause.message}`, { cause });
  }
}
