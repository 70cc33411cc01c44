import { describe, expect, it } from "vitest";
import { InvariantError, TlogError } from "../../src/errors.ts";
import { decodeAnswer, encodeAdded, encodeRefused, FrameReader, newFrame } from "../../src/readers/frames.ts";

const MAX = 1000;
const HEAD = 8;

function payloadOf(frame: Buffer): Buffer {
  return frame.subarray(HEAD);
}

describe("FrameReader", () => {
  it.each([1, 2, 3, 7, 8, 9, 1000])("puts frames together from pieces of %d bytes", (size) => {
    const frames = [1, 5, 300].map((length, number) => {
      const [frame, payload] = newFrame(2 ** 32 - 1 - number, length);
      payload.fill(number + 1);
      return frame;
    });
    const found: (readonly [number, number, number])[] = [];
    const reader = new FrameReader(MAX, (number, payload) => {
      expect(new Set(payload).size).toBe(1);
      found.push([number, payload.length, payload[0] ?? 0]);
    });
    const bytes = Buffer.concat(frames);
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    expect(found).toEqual([
      [2 ** 32 - 1, 1, 1],
      [2 ** 32 - 2, 5, 2],
      [2 ** 32 - 3, 300, 3],
    ]);
  });

  it.each([0, MAX + 1])("refuses a frame of %d bytes", (length) => {
    const [frame] = newFrame(0, length);
    expect(() => new FrameReader(MAX, () => {}).push(frame.subarray(0, HEAD))).toThrow(InvariantError);
  });
});

describe("an answer", () => {
  it("gives back every index, position and hash", () => {
    const added = {
      leafIndices: [0, 2 ** 32, Number.MAX_SAFE_INTEGER],
      duplicates: [0, 2],
      leafHashes: new Uint8Array(96).map((_, at) => at),
    };
    const answer = decodeAnswer(payloadOf(encodeAdded(1, added)), 3);
    expect({ ...answer, leafHashes: new Uint8Array(answer.leafHashes) }).toEqual(added);
  });

  it("about another number of entries than were sent is a bug", () => {
    const added = { leafIndices: [0], duplicates: [], leafHashes: new Uint8Array(32) };
    const payload = payloadOf(encodeAdded(1, added));
    expect(() => decodeAnswer(payload, 2)).toThrow(InvariantError);
  });

  it("gives back what the log refused with, but for what clients must not see", () => {
    const refused = (error: unknown) => () => decodeAnswer(payloadOf(encodeRefused(1, error)), 1);
    const full = new TlogError("POOL_FULL", 'full "ü"');
    expect(refused(full)).toThrow(full);
    expect(refused(full)).toThrow(TlogError);
    expect(refused(new TlogError("STORE_FAILED", "x"))).toThrow(InvariantError);
    expect(refused(new RangeError("x"))).toThrow(InvariantError);
  });
});
