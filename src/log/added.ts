/** Between callers who have entries one by one and a pipeline that has them in blocks. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { Appended, AppendedBlock, LogLimits } from "./log.ts";

/** @returns how many bytes the entries have together. @throws {TlogError} ARGUMENT_INVALID | ENTRY_TOO_LARGE */
export function checkedBytes(entries: readonly Uint8Array[], { maxEntryBytes }: LogLimits): number {
  let bytes = 0;
  for (const entry of entries) {
    // Callers without a compiler: a string would be stored as so many zeroes. By its tag: bytes of another realm count.
    if (entry?.[Symbol.toStringTag] !== "Uint8Array") {
      throw new TlogError("ARGUMENT_INVALID", `entry: want a Uint8Array, got ${typeof entry}`);
    }
    if (entry.length > maxEntryBytes) throw entryTooLarge(maxEntryBytes, entry.length);
    bytes += entry.length;
  }
  return bytes;
}

/** What `addBatch` answers. */
export function appendedEach({ leafIndices, duplicates, leafHashes }: AppendedBlock): readonly Appended[] {
  const known = new Set(duplicates);
  return leafIndices.map((leafIndex, at) => ({
    leafIndex,
    leafHash: leafHashes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
    duplicate: known.has(at),
  }));
}

/** How an entry beyond the limit is refused. */
export function entryTooLarge(maxEntryBytes: number, length: number): TlogError {
  return new TlogError("ENTRY_TOO_LARGE", `entry: want at most ${maxEntryBytes} bytes, got ${length}`);
}
