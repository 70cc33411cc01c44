import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assertHash,
  emptyRootHash,
  HASH_BYTES,
  hashesEqual,
  leafHash,
  nodeHash,
  nodeHashInto,
} from "../../src/merkle/hash.ts";
import { expectCode } from "../expect-code.ts";
import { leafHashOf, nodeHashOf, sha256 } from "../reference/merkle.ts";

const hash32 = fc.uint8Array({ minLength: HASH_BYTES, maxLength: HASH_BYTES });

describe("leafHash", () => {
  it("is SHA-256(0x00 || entry) for every length around the scratch buffer's", () => {
    for (const length of [0, 1, 31, 32, 4094, 4095, 4096, 4097, 65_535]) {
      const entry = Uint8Array.from({ length }, (_, i) => i % 251);
      expect(leafHash(entry)).toEqual(leafHashOf(entry));
    }
  });

  it("hashes a view's own bytes, not the buffer behind it", () => {
    const whole = Uint8Array.from({ length: 64 }, (_, i) => i);
    expect(leafHash(whole.subarray(10, 20))).toEqual(leafHashOf(Uint8Array.from(whole.slice(10, 20))));
    expect(leafHash(Buffer.from("pooled"))).toEqual(leafHashOf(new TextEncoder().encode("pooled")));
  });

  it("does not remember a longer entry hashed before", () => {
    const short = Uint8Array.of(7);
    leafHash(new Uint8Array(3000).fill(9));
    expect(leafHash(short)).toEqual(leafHashOf(short));
  });

  it("returns memory of its own each time", () => {
    const first = leafHash(Uint8Array.of(1));
    const copy = Uint8Array.from(first);
    leafHash(Uint8Array.of(2));
    expect(first).toEqual(copy);
    expect(first.length).toBe(first.buffer.byteLength);
  });
});

describe("nodeHash", () => {
  it("is SHA-256(0x01 || left || right), for views too", () => {
    fc.assert(
      fc.property(hash32, hash32, (left, right) => {
        const both = Uint8Array.of(...left, ...right);
        expect(nodeHash(left, right)).toEqual(nodeHashOf(left, right));
        expect(nodeHash(both.subarray(0, 32), both.subarray(32))).toEqual(nodeHashOf(left, right));
      }),
    );
  });

  it("may write over what it hashes", () => {
    const both = Uint8Array.from({ length: 64 }, (_, i) => i);
    const want = nodeHashOf(both.slice(0, 32), both.slice(32));
    nodeHashInto(both.subarray(0, 32), both.subarray(32), both, 0);
    expect(both.subarray(0, 32)).toEqual(want);
  });

  it("differs from a leaf with the same bytes", () => {
    const both = new Uint8Array(64);
    expect(nodeHash(both.subarray(0, 32), both.subarray(32))).not.toEqual(leafHash(both));
  });
});

describe("hashes", () => {
  it("of the empty tree are SHA-256 of nothing", () => {
    expect(emptyRootHash()).toEqual(sha256());
  });

  it("are equal byte for byte only", () => {
    fc.assert(
      fc.property(hash32, fc.nat({ max: HASH_BYTES * 8 - 1 }), (hash, bit) => {
        const other = Uint8Array.from(hash);
        expect(hashesEqual(hash, other)).toBe(true);
        other[Math.floor(bit / 8)]! ^= 2 ** (bit % 8);
        expect(hashesEqual(hash, other)).toBe(false);
      }),
    );
    expect(hashesEqual(new Uint8Array(32), new Uint8Array(31))).toBe(false);
    expect(hashesEqual(new Uint8Array(0), new Uint8Array(32))).toBe(false);
  });

  it("are 32 bytes", () => {
    assertHash("hash", new Uint8Array(32));
    for (const hash of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33), undefined]) {
      expectCode(() => assertHash("hash", hash), "HASH_MALFORMED");
    }
  });
});
