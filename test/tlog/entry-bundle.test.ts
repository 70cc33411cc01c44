import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import {
  blockLeafHashes,
  decodeBundle,
  encodeBundle,
  encodeEntryBlock,
  entryCount,
  entryOf,
  entryOffsets,
  MAX_ENTRY_BYTES,
  parseEntryBlock,
} from "../../src/tlog/entry-bundle.ts";
import { expectCode } from "../expect-code.ts";
import { bundleBytes } from "../reference/tiles.ts";

const anyEntries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

describe("an entry bundle", () => {
  it("is each entry behind its length, and comes apart again", () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const bytes = encodeBundle(entries);
        expect(bytes).toEqual(bundleBytes(entries));
        expect(decodeBundle(bytes, entries.length)).toEqual(entries);
      }),
    );
  });

  it("is a block of entries that are hashed where they lie", () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const bytes = bundleBytes(entries);
        const block = parseEntryBlock(bytes, { maxEntries: entries.length });
        expect(block).toEqual(encodeEntryBlock(entries));
        expect(block.bytes).toBe(bytes);
        expect(entries.map((_, at) => entryOf(block, at))).toEqual(entries);
        const hashes = entries.map((entry) => leafHash(entry));
        expect(blockLeafHashes(block)).toEqual(new Uint8Array(Buffer.concat(hashes)));
        expect(bytes).toEqual(bundleBytes(entries));
      }),
    );
  });

  it("of more entries than a first guess is parsed all the same", () => {
    const bytes = new Uint8Array(2 * 5000);
    expect(entryCount(parseEntryBlock(bytes, { maxEntries: 5000 }))).toBe(5000);
    expectCode(() => parseEntryBlock(bytes, { maxEntries: 4999 }), "ARGUMENT_INVALID");
    expectCode(() => parseEntryBlock(bytes.subarray(1), { maxEntries: 5000 }), "BUNDLE_MALFORMED");
  });

  it("can be cut at its offsets into bundles", () => {
    fc.assert(
      fc.property(anyEntries, fc.nat(20), fc.nat(20), (entries, one, other) => {
        const [start = 0, end = 0] = [one, other]
          .map((at) => Math.min(at, entries.length))
          .sort((a, b) => a - b);
        const bytes = encodeBundle(entries);
        const offsets = entryOffsets(bytes, entries.length);
        const cut = bytes.subarray(offsets[start], offsets[end]);
        expect(decodeBundle(cut, end - start)).toEqual(entries.slice(start, end));
      }),
    );
  });

  it("holds entries of no bytes and of 65,535, not of 65,536", () => {
    const largest = new Uint8Array(MAX_ENTRY_BYTES).fill(1);
    const entries = [new Uint8Array(0), largest, new Uint8Array(0)];
    expect(decodeBundle(encodeBundle(entries), 3)).toEqual(entries);
    expectCode(() => encodeBundle([new Uint8Array(MAX_ENTRY_BYTES + 1)]), "ENTRY_TOO_LARGE");
  });

  it("is refused when cut anywhere", () => {
    const entries = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)];
    const bytes = encodeBundle(entries);
    for (let length = 0; length < bytes.length; length++) {
      expectCode(() => decodeBundle(bytes.subarray(0, length), 3), "BUNDLE_MALFORMED");
    }
  });

  it("is refused with anything behind the last entry", () => {
    const bytes = encodeBundle([Uint8Array.of(1)]);
    for (const extra of [[0], [0, 0], [0, 1], [0, 1, 5], [255, 255]]) {
      expectCode(() => decodeBundle(Uint8Array.of(...bytes, ...extra), 1), "BUNDLE_MALFORMED");
    }
  });

  it("is refused with another number of entries than its width", () => {
    const bytes = encodeBundle([Uint8Array.of(1), Uint8Array.of(2)]);
    for (const count of [0, 1, 3, 256]) expectCode(() => decodeBundle(bytes, count), "BUNDLE_MALFORMED");
    expectCode(() => decodeBundle(new Uint8Array(0), 1), "BUNDLE_MALFORMED");
  });

  it("gives copies, from a Buffer and from a view too", () => {
    const bytes = Buffer.from([9, 0, 1, 7, 9]);
    const [entry] = decodeBundle(bytes.subarray(1, 4), 1);
    bytes.fill(0);
    expect(entry).toEqual(Uint8Array.of(7));
  });

  it("of any other bytes is refused, or spells the same bytes again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 20 }), (bytes, count) => {
        try {
          expect(encodeBundle(decodeBundle(bytes, count))).toEqual(bytes);
        } catch (error) {
          if (!(error instanceof TlogError)) throw error;
          expect(error.code).toBe("BUNDLE_MALFORMED");
        }
      }),
    );
  });
});

describe("a batch of entries", () => {
  it("may be empty, and may be larger than a bundle", () => {
    expect(entryCount(parseEntryBlock(new Uint8Array(0), { maxEntries: 0 }))).toBe(0);
    const entries = Array.from({ length: 1000 }, (_, i) => Uint8Array.of(i % 256));
    const block = parseEntryBlock(encodeBundle(entries), { maxEntries: 1000 });
    expect(entries.map((_, at) => entryOf(block, at))).toEqual(entries);
    expect(entryCount(block)).toBe(1000);
  });

  it("is refused as soon as it has one entry too many", () => {
    const bytes = encodeBundle([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    expectCode(() => parseEntryBlock(bytes, { maxEntries: 2 }), "ARGUMENT_INVALID");
    expectCode(() => parseEntryBlock(Uint8Array.of(...bytes, 0), { maxEntries: 2 }), "ARGUMENT_INVALID");
  });

  it("is refused when cut", () => {
    const bytes = encodeBundle([Uint8Array.of(1), Uint8Array.of(2, 3)]);
    for (const length of [1, 2, 4, 5, 6]) {
      expectCode(() => parseEntryBlock(bytes.subarray(0, length), { maxEntries: 9 }), "BUNDLE_MALFORMED");
    }
  });
});
