/**
 * Tree sizes and leaf indices: numbers that are exact up to 2^53 - 1. Arithmetic on them is `Math.floor`, `%` and
 * multiplication by powers of two; a bitwise operator would cut them to 32 bits.
 */
import { TlogError } from "../errors.ts";

const TWO_TO_32 = 2 ** 32;

/** @throws {TlogError} ARGUMENT_INVALID unless `value` is a whole number from 0 to 2^53 - 1. */
export function assertSize(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TlogError("ARGUMENT_INVALID", `${name}: want a whole number from 0 to 2^53 - 1, got ${value}`);
  }
}

/** @throws {TlogError} ARGUMENT_INVALID unless `index` is a whole number in [0, size). */
export function assertIndex(name: string, index: number, size: number): void {
  assertSize(name, index);
  if (index >= size) throw new TlogError("ARGUMENT_INVALID", `${name}: want less than ${size}, got ${index}`);
}

/** How many binary digits `value` has: 0 for 0, 3 for 4. Exact for every safe integer, which Math.log2 is not. */
export function bitLength(value: number): number {
  if (value < TWO_TO_32) return 32 - Math.clz32(value);
  return 64 - Math.clz32(Math.floor(value / TWO_TO_32));
}

/** The largest power of two smaller than `size`, which is at least 2: the k of RFC 6962 §2.1. */
export function splitPoint(size: number): number {
  return 2 ** (bitLength(size - 1) - 1);
}
