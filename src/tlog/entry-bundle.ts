/** Entry bundles: entries one after the other, each behind its length.  c2sp.org/tlog-tiles, "Log entries" */
import { TlogError } from "../errors.ts";
import { readUint16 } from "./encoding.ts";

/** The largest entry: what a 16-bit length can say. */
export const MAX_ENTRY_BYTES = 65_535;

const LENGTH_BYTES = 2;

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
  return entriesAt(bytes, entryOffsets(bytes, count));
}

/**
 * Takes a batch of entries in bundle encoding apart: any number up to a limit, none included.
 * @returns copies.
 * @throws {TlogError} BUNDLE_MALFORMED | ARGUMENT_INVALID (more than `maxEntries`)
 */
export function decodeAddBatch(
  bytes: Uint8Array,
  { maxEntries }: { readonly maxEntries: number },
): readonly Uint8Array[] {
  const offsets = offsetsUpTo(maxEntries, bytes);
  if (offsets === undefined) {
    throw new TlogError("ARGUMENT_INVALID", `batch: want at most ${maxEntries} entries, got more`);
  }
  return entriesAt(bytes, offsets);
}

/**
 * Where the entries of a bundle lie, so that some of them can be cut out without taking all apart.
 * @param count - there must be exactly as many entries, and nothing behind them.
 * @returns `count` + 1 offsets: entry i and the length before it are bytes [offsets[i], offsets[i + 1]).
 * @throws {TlogError} BUNDLE_MALFORMED
 */
export function entryOffsets(bytes: Uint8Array, count: number): readonly number[] {
  const offsets = offsetsUpTo(count, bytes);
  if (offsets?.length === count + 1) return offsets;
  const got = offsets === undefined ? "more" : offsets.length - 1;
  throw new TlogError("BUNDLE_MALFORMED", `want ${count} entries, got ${got}`);
}

/** @returns as {@link entryOffsets}, or undefined as soon as there are more entries than `limit`. */
function offsetsUpTo(limit: number, bytes: Uint8Array): readonly number[] | undefined {
  const offsets = [0];
  for (let at = 0; at < bytes.length; ) {
    if (offsets.length > limit) return undefined;
    at = entryEnd(bytes, at);
    offsets.push(at);
  }
  return offsets;
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

/** Copies of the entries, without their lengths. */
function entriesAt(bytes: Uint8Array, offsets: readonly number[]): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let start = 0;
  for (const end of offsets.slice(1)) {
    // subarray and copy, because slice of a Buffer is no copy.
    entries.push(new Uint8Array(bytes.subarray(start + LENGTH_BYTES, end)));
    start = end;
  }
  return entries;
}
