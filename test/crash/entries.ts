/** The entries that clients send: each is known by its number, and its bytes follow from that. */
import { Buffer } from "node:buffer";

/** Mostly small; now and then one of a size that makes a bundle's parts (spec/storage.md). */
export function entryNumbered(number: number): Uint8Array {
  const bytes = number % 151 === 150 ? 20_000 + ((number * 31) % 20_000) : (number * 7919) % 300;
  return Buffer.from(`entry ${number} ${String.fromCharCode(97 + (number % 26)).repeat(bytes)}`);
}

/** @returns the entry's number; undefined when it is not, to the byte, one that was sent. */
export function numberOf(entry: Uint8Array): number | undefined {
  const text = Buffer.from(entry).toString("latin1");
  const number = Number(/^entry (\d+) /.exec(text)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(number) && Buffer.compare(entryNumbered(number), entry) === 0
    ? number
    : undefined;
}
