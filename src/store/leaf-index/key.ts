/** Keys of the leaf index: the first 8 bytes of a leaf hash, as two 32-bit words, high and low. */

import { HASH_BYTES } from "../../merkle/hash.ts";

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

/** More digits than these would not stay in the nearest cache while keys are dealt out by them. */
const MAX_DIGIT_BITS = 12;

/**
 * The keys of concatenated hashes, nearly in order: about one to a digit. Whatever lies in the order of the keys is then gone through
 * from its beginning to its end, which costs some 60 % of looking here and there.
 * @returns `positions`: of each key, that of its hash.
 */
export function keysInOrder(hashes: Uint8Array): { readonly keys: Keys; readonly positions: Uint32Array } {
  const count = hashes.length / HASH_BYTES;
  const words = wordsOf(hashes);
  const bits = Math.min(MAX_DIGIT_BITS, Math.floor(Math.log2(count + 1)));
  const starts = new Uint32Array(2 ** bits + 1);
  const scale = 2 ** (bits - 32);
  const digitOf = (high: number): number => Math.floor(high * scale);
  for (let at = 0; at < count; at++) {
    const digit = digitOf(words.getUint32(at * HASH_BYTES)) + 1;
    starts[digit] = (starts[digit] ?? 0) + 1;
  }
  for (let digit = 1; digit < starts.length; digit++) {
    starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
  }
  const keys = { high: new Uint32Array(count), low: new Uint32Array(count), count };
  const positions = new Uint32Array(count);
  for (let position = 0; position < count; position++) {
    const high = words.getUint32(position * HASH_BYTES);
    const digit = digitOf(high);
    const at = starts[digit] ?? 0;
    starts[digit] = at + 1;
    keys.high[at] = high;
    keys.low[at] = words.getUint32(position * HASH_BYTES + 4);
    positions[at] = position;
  }
  return { keys, positions };
}

/** Negative, zero or positive, as key a lies before, at or behind key b. */
export function compareKeys(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return aHigh === bHigh ? aLow - bLow : aHigh - bHigh;
}
