import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeafTable, tableSeed } from "../../src/log/leaf-table.ts";

const SEED = tableSeed("0123456789abcdef0000000000000000");

/** Hashes that agree in most bytes, the first eight among them. */
function alike(number: number): Uint8Array {
  const hash = new Uint8Array(32).fill(200);
  hash[number % 2 === 0 ? 31 : 3] = Math.floor(number / 2);
  return hash;
}

describe("LeafTable", () => {
  it("finds what was added, by the whole hash, as a map does", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 100 }), (numbers) => {
        const hashes = new Uint8Array(Buffer.concat(numbers.map(alike)));
        const table = new LeafTable(hashes, SEED);
        const map = new Map<number, number>();
        for (const [at, number] of numbers.entries()) {
          expect(table.find(hashes, at)).toBe(map.get(number));
          if (map.has(number)) continue;
          table.add(at, 2 ** 52 + at);
          map.set(number, 2 ** 52 + at);
        }
        for (let number = 0; number <= 60; number++) {
          expect(table.find(alike(number), 0)).toBe(map.get(number));
        }
      }),
    );
  });

  it("has odd seeds, which lose no bit of a hash", () => {
    for (const token of ["00000000000000000000000000000000", "fffffffffffffffeffffffffffffffff"]) {
      const { low, high } = tableSeed(token);
      expect([low % 2, high % 2]).toEqual([1, 1]);
    }
  });
});
