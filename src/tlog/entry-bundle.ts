/** Entry bundles: entries one after the other, each behind its length.  c2sp.org/tlog-tiles, "Log entries" */
import { TlogError } from "../errors.ts";
import { encodeUint16, readUint16 } from "./encoding.ts";

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
    bytes.set(encodeUint16(entry.length), at);
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
  for (const entry of entriesIn(bytes)) {
    if (entries.length === count) {
      throw new TlogError("BUNDLE_MALFORMED", `want ${count} entries, got more`);
    }
    entries.push(entry);
  }
  if (entries.length < count) {
    throw new TlogError("BUNDLE_MALFORMED", `want ${count} entries, got ${entries.length}`);
  }
  return entries;
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
  const entries: Uint8Array[] = [];
  for (const entry of entriesIn(bytes)) {
    if (entries.length === maxEntries) {
      throw new TlogError("ARGUMENT_INVALID", `batch: want at most ${maxEntries} entries, got more`);
    }
    entries.push(entry);
  }
  return entries;
}

/** Copies of the entries, one at a time, so that a caller's limit comes before the work. */
function* entriesIn(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  let at = 0;
  while (at < bytes.length) {
    if (at + LENGTH_BYTES > bytes.length) {
      throw new TlogError("BUNDLE_MALFORMED", "the bundle ends within the length of an entry");
    }
    const start = at + LENGTH_BYTES;
    const end = start + readUint16(bytes, at);
    if (end > bytes.length) {
      throw new TlogError(
        "BUNDLE_MALFORMED",
        `entry: want ${end - start} bytes, got ${bytes.length - start}`,
      );
    }
    // subarray and copy, because slice of a Buffer is no copy.
    yield new Uint8Array(bytes.subarray(start, end));
    at = end;
  }
}
