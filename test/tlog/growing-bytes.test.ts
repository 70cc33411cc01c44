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

test("a length that was announced takes no memory before half of it came, and exactly its own then", () => {
  const bytes = new GrowingBytes(1_000);
  for (let count = 0; count < 400; count++) bytes.append(Uint8Array.of(7));
  expect(bytes.bytes().buffer.byteLength).toBeLessThanOrEqual(800);
  bytes.append(new Uint8Array(200));
  expect(bytes.bytes().buffer.byteLength).toBe(1_000);
  bytes.append(new Uint8Array(500));
  expect(bytes.length).toBe(1_100);
});
