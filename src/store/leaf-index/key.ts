/** Keys of the leaf index: the first 8 bytes of a leaf hash, as two 32-bit words, high and low. */

/** Bytes of a key. */
export const KEY_BYTES = 8;

/** A view for reading and writing big-endian words in `bytes`. */
export function wordsOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Keys by position: the first `count` of two arrays. */
export interface Keys {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly count: number;
}

/** Negative, zero or positive, as key a lies before, at or behind key b. */
export function compareKeys(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return aHigh === bHigh ? aLow - bLow : aHigh - bHigh;
}
