/** Reading entries: bundles, each entry checked against the leaf hash a verified head commits to. */
import { TlogError } from "../src/errors.ts";
import type { NodeCoordinate } from "../src/merkle/coordinates.ts";
import { hashesEqual, leafHash } from "../src/merkle/hash.ts";
import { decodeBundle, MAX_ENTRY_BYTES } from "../src/tlog/entry-bundle.ts";
import { formatBundlePath, TILE_WIDTH, tileWidthAt } from "../src/tlog/tile.ts";
import type { NodeReader } from "../src/tlog/tile-reader.ts";
import type { Fetcher } from "./fetcher.ts";
import { requestWide, type TileSource, type TreeHead } from "./tile-source.ts";
import { linkedController } from "./waiting.ts";

/** An entry that is in the log at this index: its hash was tied to a verified head. */
export interface LogEntry {
  readonly leafIndex: number;
  readonly entry: Uint8Array;
  /** SHA-256(0x00 || entry), 32 bytes.  RFC 6962 §2.1 */
  readonly leafHash: Uint8Array;
}

/** Leaves [start, end) of the tree of `head`. */
export interface EntryRange {
  readonly head: TreeHead;
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal | undefined;
}

/** The 16-bit length before each entry. */
const LENGTH_BYTES = 2;
/** Bundles fetched side by side; their tiles are verified together, so that what they share is hashed once. */
const WINDOW_BUNDLES = 4;
/** Windows under way at a time: 8 bundles and their tiles. Memory holds their entries, and those of the window being yielded. */
const WINDOWS_AHEAD = 2;

interface Source {
  readonly fetcher: Fetcher;
  readonly tiles: TileSource;
}

/**
 * Yields the entries in order, and fetches the next windows of bundles while the caller works on this one.
 * @param range - within the tree: `end` is at most `head.treeSize`.
 * @throws {TlogError} ENTRY_MISMATCH | BUNDLE_MALFORMED, and as {@link TileSource.readNodes}
 */
export async function* readEntries(log: Source, range: EntryRange): AsyncGenerator<LogEntry, void, void> {
  const { controller, release } = linkedController(range.signal);
  const readings: Promise<readonly LogEntry[]>[] = [];
  let next = range.start;
  const readAhead = (windows: number): void => {
    while (next < range.end && readings.length < windows) {
      const end = windowEnd(next, range.end);
      const reading = readBundles(log, { ...range, start: next, end, signal: controller.signal });
      // A failure is reported when its turn comes, if the caller reads on that far.
      reading.catch(() => {});
      readings.push(reading);
      next = end;
    }
  };
  try {
    // One first: it brings the tiles that all windows share.
    readAhead(1);
    for (let reading = readings.shift(); reading !== undefined; reading = readings.shift()) {
      const entries = await reading;
      readAhead(WINDOWS_AHEAD);
      // yield* would make promises of its own for each entry.
      for (const entry of entries) yield entry;
    }
  } finally {
    release();
    controller.abort();
  }
}

function windowEnd(start: number, end: number): number {
  return Math.min(end, (Math.floor(start / TILE_WIDTH) + WINDOW_BUNDLES) * TILE_WIDTH);
}

async function readBundles(log: Source, range: EntryRange): Promise<readonly LogEntry[]> {
  const { head, start, end, signal } = range;
  const bundles: Promise<readonly IndexedEntry[]>[] = [];
  // One leaf of a tile brings all of them.
  const leaves: NodeCoordinate[] = [];
  for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < end; index++) {
    bundles.push(requestBundle(log.fetcher, { index, head, signal }));
    leaves.push({ level: 0, index: Math.max(start, index * TILE_WIDTH) });
  }
  const [entries, read] = await Promise.all([
    Promise.all(bundles),
    log.tiles.readNodes({ head, nodes: leaves, signal }),
  ]);
  return entries
    .flat()
    .filter(({ leafIndex }) => leafIndex >= start && leafIndex < end)
    .map(({ leafIndex, entry }) => verifiedEntry(leafIndex, entry, read));
}

/** @throws {TlogError} ENTRY_MISMATCH */
function verifiedEntry(leafIndex: number, entry: Uint8Array, read: NodeReader): LogEntry {
  const hash = leafHash(entry);
  if (!hashesEqual(hash, read({ level: 0, index: leafIndex }))) {
    throw new TlogError("ENTRY_MISMATCH", `entry ${leafIndex} is not the one the log committed to`);
  }
  return { leafIndex, entry, leafHash: hash };
}

type IndexedEntry = Omit<LogEntry, "leafHash">;

async function requestBundle(
  fetcher: Fetcher,
  args: { readonly index: number; readonly head: TreeHead; readonly signal: AbortSignal | undefined },
): Promise<readonly IndexedEntry[]> {
  const { index, head, signal } = args;
  const { body, width } = await requestWide(fetcher, {
    width: tileWidthAt({ level: 0, index, treeSize: head.treeSize }),
    pathAt: (wide) => formatBundlePath({ index, width: wide }),
    maxBytesAt: (wide) => wide * (LENGTH_BYTES + MAX_ENTRY_BYTES),
    signal,
  });
  const entries = decodeBundle(body, width);
  return entries.map((entry, offset) => ({ leafIndex: index * TILE_WIDTH + offset, entry }));
}
