import { describe, expect, it } from "vitest";
import { assertIndex, assertSize, bitLength, splitPoint } from "../../src/merkle/sizes.ts";
import { expectCode } from "../expect-code.ts";

const MAX_SIZE = Number.MAX_SAFE_INTEGER;

describe("sizes and indices", () => {
  it("are whole numbers from 0 to 2^53 - 1", () => {
    for (const value of [0, 1, 2 ** 31, 2 ** 32, MAX_SIZE]) assertSize("size", value);
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 64]) {
      expectCode(() => assertSize("size", value), "ARGUMENT_INVALID");
    }
  });

  it("an index is below the size", () => {
    assertIndex("index", 4, 5);
    expectCode(() => assertIndex("index", 5, 5), "ARGUMENT_INVALID");
    expectCode(() => assertIndex("index", 0, 0), "ARGUMENT_INVALID");
  });
});

describe("binary digits", () => {
  it("are counted as BigInt counts them, around every power of two", () => {
    for (let power = 0; power <= 53; power++) {
      for (const value of [2 ** power - 1, 2 ** power, 2 ** power + 1].filter(Number.isSafeInteger)) {
        expect(bitLength(value)).toBe(value === 0 ? 0 : BigInt(value).toString(2).length);
      }
    }
  });

  it("split a tree at the largest power of two below its size", () => {
    for (let power = 1; power <= 53; power++) {
      expect(splitPoint(Math.min(2 ** power, MAX_SIZE))).toBe(2 ** (power - 1));
      if (power < 53) expect(splitPoint(2 ** power + 1)).toBe(2 ** power);
    }
  });
});
