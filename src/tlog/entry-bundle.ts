/** Entry bundles: entries one after the other, each behind its length.  c2sp.org/tlog-tiles, "Log entries" */
import { TlogError } from "../errors.ts";
import { leafHashesBetween } from "../merkle/hash.ts";
import { readUint16 } from "./encoding.ts";

/** The largest entry: what a 16-bit length can say. */
export const MAX_ENTRY_BYTES = 65_535;

const LENGTH_BYTES = 2;

/** Many entries in one piece of memory: what travels from a request to the disk without being taken apart. */
export interface EntryBlock {
  /** Bundle encoding: each entry behind its length, one after the other. */
  readonly bytes: Uint8Array;
  /** Entry i and the length before it are bytes [offsets[i], offsets[i + 1]); one more than there are entries. */
  readonly offsets: Uint32Array;
}

/** How many entries a block holds. */
export function entryCount({ offsets }: EntryBlock): number {
  return offsets.length - 1;
}

/**
 * Finds the entries of a batch in bundle encoding: any number up to a limit, none included.
 * @param bytes - kept as it is: it belongs to the block.
 * @throws {TlogError} BUNDLE_MALFORMED | ARGUMENT_INVALID (more than `maxEntries`)
 */
export function parseEntryBlock(
  bytes: Uint8Array,
  { maxEntries }: { readonly maxEntries: number },
): EntryBlock {
  const offsets = offsetsUpTo(maxEntries, bytes);
  if (offsets !== undefined) return { bytes, offsets };
  throw new TlogError("ARGUMENT_INVALID", `batch: want at most ${maxEntries} entries, got more`);
}

/**
 * Whether lengths and offsets of a block say the same, and leave no byte over: what every reader of its entries relies on.
 * @param block - of whatever origin.
 */
export function isWholeBlock({ bytes, offsets }: EntryBlock): boolean {
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== bytes.length) return false;
  for (let at = 1; at < offsets.length; at++) {
    const start = offsets[at - 1] ?? 0;
    const length = (offsets[at] ?? 0) - start - LENGTH_BYTES;
    if (length < 0 || start + LENGTH_BYTES > bytes.length || readUint16(bytes, start) !== length)
      return false;
  }
  return true;
}

/** @param entries - copied. @throws {TlogError} ENTRY_TOO_LARGE */
export function encodeEntryBlock(entries: readonly Uint8Array[]): EntryBlock {
  const bytes = encodeBundle(entries);
  const offsets = new Uint32Array(entries.length + 1);
  for (const [at, entry] of entries.entries()) {
    offsets[at + 1] = (offsets[at] ?? 0) + LENGTH_BYTES + entry.length;
  }
  return { bytes, offsets };
}

/** Entry `at` of a block, without its length: a view of its memory. */
export function entryOf({ bytes, offsets }: EntryBlock, at: number): Uint8Array {
  return bytes.subarray((offsets[at] ?? 0) + LENGTH_BYTES, offsets[at + 1]);
}

/**
 * The leaf hashes of a block's entries, 32 bytes each, in order.  RFC 6962 §2.1
 * @param block - changed and changed back while this runs: nobody else may be reading its memory in another thread.
 */
export function blockLeafHashes({ bytes, offsets }: EntryBlock): Uint8Array {
  return leafHashesBetween(bytes, offsets, LENGTH_BYTES);
}

/**
 * For each entry its length (2 bytes, big-endian) and its bytes.
 * @param entries - any number; a bundle has 1 to 256. Not kept.
 * @throws {TlogError} ENTRY_TOO_LARGE
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new TlogError(
        "ENTRY_TOO_LARGE",
        `entry: want at most ${MAX_ENTRY_BYTES} bytes, got ${entry.length}`,
      );
    }
  }
  const bytes = new Uint8Array(entries.reduce((length, entry) => length + LENGTH_BYTES + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    bytes[at] = Math.floor(entry.length / 256);
    bytes[at + 1] = entry.length % 256;
    bytes.set(entry, at + LENGTH_BYTES);
    at += LENGTH_BYTES + entry.length;
  }
  return bytes;
}

/**
 * Takes a bundle apart.
 * @param count - the bundle's width: there must be exactly as many entries, and nothing behind them.
 * @returns copies, zero-length entries included.
 * @throws {TlogError} BUNDLE_MALFORMED
 */
export function decodeBundle(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let start = 0;
  for (const end of entryOffsets(bytes, count).subarray(1)) {
    // subarray and copy, because slice of a Buffer is no copy.
    entries.push(new Uint8Array(bytes.subarray(start + LENGTH_BYTES, end)));
    start = end;
  }
  return entries;
}

/**
 * Where the entries of a bundle lie, so that some of them can be cut out without taking all apart.
 * @param count - there must be exactly as many entries, and nothing behind them.
 * @returns `count` + 1 offsets: entry i and the length before it are bytes [offsets[i], offsets[i + 1]).
 * @throws {TlogError} BUNDLE_MALFORMED
 */
export function entryOffsets(bytes: Uint8Array, count: number): Uint32Array {
  const offsets = offsetsUpTo(count, bytes);
  if (offsets?.length === count + 1) return offsets;
  const got = offsets === undefined ? "more" : offsets.length - 1;
  throw new TlogError("BUNDLE_MALFORMED", `want ${count} entries, got ${got}`);
}

/** @returns as {@link entryOffsets}, or undefined as soon as there are more entries than `limit`. */
function offsetsUpTo(limit: number, bytes: Uint8Array): Uint32Array | undefined {
  // No more entries than this fit, so a long batch with a high limit does not begin with a large buffer.
  let offsets = new Uint32Array(Math.min(limit, Math.ceil(bytes.length / LENGTH_BYTES), 1024) + 1);
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    if (count === limit) return undefined;
    at = entryEnd(bytes, at);
    count += 1;
    if (count === offsets.length) offsets = withRoom(offsets);
    offsets[count] = at;
  }
  return count + 1 === offsets.length ? offsets : offsets.slice(0, count + 1);
}

function withRoom(offsets: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(offsets.length * 2);
  larger.set(offsets);
  return larger;
}

/** Where the entry ends whose length is at `start`. */
function entryEnd(bytes: Uint8Array, start: number): number {
  const entryStart = start + LENGTH_BYTES;
  if (entryStart > bytes.length) {
    throw new TlogError("BUNDLE_MALFORMED", "the bundle ends within the length of an entry");
  }
  const end = entryStart + readUint16(bytes, start);
  if (end <= bytes.length) return end;
  throw new TlogError(
    "BUNDLE_MALFORMED",
    `entry: want ${end - entryStart} bytes, got ${bytes.length - entryStart}`,
  );
}
