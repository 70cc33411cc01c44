import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BODIES } from "./bodies.ts";

const reference = (data: Uint8Array) => Uint8Array.from(createHash("sha256").update(data).digest());

describe.each(BODIES)("SHA-256, $name body", ({ body }) => {
  it("hashes like the reference, whatever the length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        expect(body.sha256(data)).toEqual(reference(data));
      }),
    );
  });

  it("hashes a tree's node whatever its last byte, also when that was seen before", () => {
    for (let last = 0; last < 2 * 256; last++) {
      const node = new Uint8Array(65).fill(last % 251).fill(last % 256, 64);
      expect(body.sha256(node)).toEqual(reference(node));
    }
  });

  it("hashes a view, not the buffer behind it", () => {
    const whole = Uint8Array.from({ length: 64 }, (_, index) => index);
    const view = whole.subarray(8, 40);
    expect(body.sha256(view)).toEqual(reference(Uint8Array.from(view)));
    expect(body.sha256(Buffer.from(whole).subarray(8, 40))).toEqual(reference(Uint8Array.from(view)));
  });

  it("returns plain bytes in memory of their own", () => {
    const first = body.sha256(new Uint8Array(1));
    const kept = Uint8Array.from(first);
    body.sha256(new Uint8Array(2));
    expect(first).toEqual(kept);
    expect(first.constructor).toBe(Uint8Array);
    expect(first.buffer.byteLength).toBe(32);
  });

  it("writes to [offset, offset + 32) and nowhere else, into a view too", () => {
    const whole = new Uint8Array(64).fill(0xee);
    const out = whole.subarray(10, 60);
    body.sha256Into(Uint8Array.of(1, 2, 3), out, 5);
    expect(whole.subarray(15, 47)).toEqual(reference(Uint8Array.of(1, 2, 3)));
    expect(whole.subarray(0, 15)).toEqual(new Uint8Array(15).fill(0xee));
    expect(whole.subarray(47)).toEqual(new Uint8Array(17).fill(0xee));
  });

  it("may write over its own input", () => {
    const buffer = Uint8Array.from({ length: 65 }, (_, index) => index);
    const expected = reference(buffer);
    body.sha256Into(buffer, buffer, 1);
    expect(buffer.subarray(1, 33)).toEqual(expected);
  });

  it("refuses to write past the end", () => {
    expect(() => body.sha256Into(new Uint8Array(1), new Uint8Array(32), 1)).toThrow(RangeError);
  });
});
