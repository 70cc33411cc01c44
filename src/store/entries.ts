/**
 * Entries as the store keeps them: C2SP bundle encoding, big-endian u16 length then the bytes, one after the other.
 * c2sp.org/tlog-tiles, Log Entries
 */
import { InvariantError } from "../errors.ts";

const LENGTH_BYTES = 2;

/** Entries in bundle encoding, with the places where each begins and the last ends. */
export interface EncodedEntries {
  readonly bytes: Uint8Array;
  /** One more than there are entries: entry i is bytes [offsets[i], offsets[i + 1]). */
  readonly offsets: readonly number[];
}

/** Copies entries into one bundle-encoded value. */
export function encodeEntries(entries: readonly Uint8Array[]): EncodedEntries {
  const offsets = [0];
  let end = 0;
  for (const entry of entries) {
    end += LENGTH_BYTES + entry.length;
    offsets.push(end);
  }
  const bytes = new Uint8Array(end);
  for (const [index, entry] of entries.entries()) {
    const at = offsets[index] ?? 0;
    bytes[at] = Math.floor(entry.length / 256);
    bytes[at + 1] = entry.length % 256;
    bytes.set(entry, at + LENGTH_BYTES);
  }
  return { bytes, offsets };
}

/** Entries [start, end) of `encoded`, a view. */
export function sliceEncoded(encoded: EncodedEntries, start: number, end: number): Uint8Array {
  const from = encoded.offsets[start];
  const to = encoded.offsets[end];
  if (from === undefined || to === undefined) throw new InvariantError(`no entries [${start}, ${end})`);
  return encoded.bytes.subarray(from, to);
}

/**
 * Where entries begin in a bundle-encoded value.
 * @returns offsets as in `EncodedEntries`, or undefined when `bytes` does not hold exactly `count` entries.
 */
export function entryOffsets(bytes: Uint8Array, count: number): readonly number[] | undefined {
  const offsets = [0];
  let at = 0;
  for (let entry = 0; entry < count; entry++) {
    const high = bytes[at];
    const low = bytes[at + 1];
    if (high === undefined || low === undefined) return undefined;
    at += LENGTH_BYTES + high * 256 + low;
    offsets.push(at);
  }
  return at === bytes.length ? offsets : undefined;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
