import fc from "fast-check";
import { expect, test } from "vitest";
import { GrowingBytes } from "../../src/tlog/growing-bytes.ts";

test("pieces of any size come back joined", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const bytes = new GrowingBytes();
      for (const piece of pieces) bytes.append(piece);
      const joined = pieces.flatMap((piece) => [...piece]);
      expect([...bytes.bytes()]).toEqual(joined);
      expect(bytes.length).toBe(joined.length);
    }),
  );
});

test("a piece is copied, and a million pieces of one byte take no more than twice their bytes", () => {
  const bytes = new GrowingBytes();
  const piece = Uint8Array.of(7);
  for (let count = 0; count < 1_000_000; count++) bytes.append(piece);
  piece[0] = 8;
  expect(bytes.bytes().every((byte) => byte === 7)).toBe(true);
  expect(bytes.bytes().buffer.byteLength).toBeLessThanOrEqual(2_000_000);
});

test("memory that was outgrown goes back at once, what is held when the holder says so, and never twice", () => {
  const given: Uint8Array[] = [];
  const memory = {
    take: (length: number) => new Uint8Array(2 * length).fill(0xff),
    give: (buffer: Uint8Array) => void given.push(buffer),
  };
  const bytes = new GrowingBytes(memory);
  for (const piece of [1, 2, 3, 4, 5]) bytes.append(Uint8Array.of(piece));
  expect([...bytes.bytes()]).toEqual([1, 2, 3, 4, 5]);
  const held = bytes.bytes().buffer;
  bytes.giveBack();
  bytes.giveBack();
  expect(bytes.length).toBe(0);
  const lengths = given.map(({ length }) => length).filter((length) => length > 0);
  expect(lengths).toEqual([2, 8]);
  expect(given.filter(({ buffer }) => buffer === held)).toHaveLength(1);
});
