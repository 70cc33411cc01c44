import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { peakCoordinates } from "../../src/merkle/compact-range.ts";
import { subtreePeaks } from "../../src/merkle/coordinates.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;
const anySize = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
  fc.integer({ min: 2 ** 32 - 3, max: 2 ** 32 + 3 }),
  fc.integer({ min: MAX_SIZE - 3, max: MAX_SIZE }),
  fc.nat({ max: MAX_SIZE }),
);

describe("peakCoordinates", () => {
  it("names one perfect subtree per binary one of the size, largest first, that tile the tree exactly", () => {
    fc.assert(
      fc.property(anySize, (treeSize) => {
        const peaks = peakCoordinates(treeSize);
        const digits = BigInt(treeSize).toString(2);
        expect(peaks.length).toBe(digits.replaceAll("0", "").length);
        let start = 0n;
        for (const { level, index } of peaks) {
          expect(BigInt(index) * 2n ** BigInt(level)).toBe(start);
          expect(digits.at(-1 - level)).toBe("1");
          start += 2n ** BigInt(level);
        }
        expect(start).toBe(BigInt(treeSize));
      }),
    );
  });

  it("has none for the empty tree", () => {
    expect(peakCoordinates(0)).toEqual([]);
  });
});

describe("subtreePeaks", () => {
  it("works on subtrees that start beyond 2^32", () => {
    const start = 2 ** 45;
    expect(subtreePeaks({ start, end: start + 5 })).toEqual([
      { level: 2, index: 2 ** 43 },
      { level: 0, index: 2 ** 45 + 4 },
    ]);
  });
});
