/** Entries to add: what entry number `n` of a run is follows from the seed of the run and n, so any of them can be made again. */
import { createHash } from "node:crypto";
import { seededRandom } from "./arrivals.ts";

export type EntrySizes = { readonly kind: "fixed"; readonly bytes: number } | { readonly kind: "mixed" };

export interface EntryPlan {
  readonly sizes: EntrySizes;
  /** Of all entries, how many are one of the last 10,000 again; 0 to 1. */
  readonly duplicateShare: number;
}

/** Of the comparable rows. */
export const FIXED_256: EntryPlan = { sizes: { kind: "fixed", bytes: 256 }, duplicateShare: 0 };

/**
 * What transparency logs keep, by our guess: lines of module checksums, signed statements and metadata, attestations and
 * certificates, and a few large manifests. Within a band every length is as likely. Mean some 1,040 bytes, median some 460.
 */
const MIXED_BANDS = [
  { share: 0.3, start: 64, end: 256 },
  { share: 0.45, start: 256, end: 1024 },
  { share: 0.2, start: 1024, end: 4096 },
  { share: 0.05, start: 4096, end: 8192 },
];

const NAME_BYTES = 16;
const FILLER_BYTES = 65_536;
const RECENT = 10_000;
/** Two different runs of one process must not share entries. */
const MIN_ENTRY_BYTES = NAME_BYTES;

export interface EntrySource {
  /** Bytes of entry `number`. */
  sizeOf(number: number): number;
  /** Writes entry `number` to out[offset, offset + sizeOf(number)). */
  writeInto(number: number, out: Buffer, offset: number): void;
  /** The number of the next entry to send: a new one, or one of before. */
  next(): number;
}

/** @param seed - of the run: runs of different seeds have no entry in common. */
export function entrySource(seed: number, { sizes, duplicateShare }: EntryPlan): EntrySource {
  if (sizes.kind === "fixed" && sizes.bytes < MIN_ENTRY_BYTES) {
    throw new RangeError(`entry size: want at least ${MIN_ENTRY_BYTES} bytes, got ${sizes.bytes}`);
  }
  const filler = fillerOf(seed);
  const name = createHash("sha256").update(`entries of run ${seed}`).digest().subarray(0, 8);
  const random = seededRandom(seed);
  let count = 0;

  const sizeOf = (number: number): number => (sizes.kind === "fixed" ? sizes.bytes : mixedSize(seed, number));
  return {
    sizeOf,
    writeInto(number, out, offset) {
      const size = sizeOf(number);
      name.copy(out, offset);
      out.writeDoubleBE(number, offset + 8);
      const start = (number * 61) % (FILLER_BYTES / 2);
      filler.copy(out, offset + NAME_BYTES, start, start + size - NAME_BYTES);
    },
    next() {
      if (duplicateShare > 0 && count > 0 && random() < duplicateShare) {
        return count - 1 - Math.floor(random() * Math.min(count, RECENT));
      }
      count += 1;
      return count - 1;
    },
  };
}

/** Of a batch in bundle encoding. */
export function batchBytes(source: EntrySource, numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + 2 + source.sizeOf(number), 0);
}

/** Writes a batch to `out`, from `offset` on: a two-byte length before each entry.  c2sp.org/tlog-tiles, "Log entries" */
export function writeBatch(
  source: EntrySource,
  numbers: readonly number[],
  out: Buffer,
  offset: number,
): void {
  let at = offset;
  for (const number of numbers) {
    const size = source.sizeOf(number);
    out.writeUInt16BE(size, at);
    source.writeInto(number, out, at + 2);
    at += 2 + size;
  }
}

function fillerOf(seed: number): Buffer {
  const random = seededRandom(seed ^ 0x5bd1e995);
  return Buffer.from(Uint8Array.from({ length: FILLER_BYTES }, () => Math.floor(random() * 256)));
}

function mixedSize(seed: number, number: number): number {
  const random = seededRandom(seed + Math.imul(number + 1, 0x01000193));
  let left = random();
  for (const { share, start, end } of MIXED_BANDS) {
    if (left < share) return start + Math.floor((left / share) * (end - start));
    left -= share;
  }
  return MIXED_BANDS[0]!.start;
}
