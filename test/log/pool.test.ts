import { describe, expect, it } from "vitest";
import { type PendingGroup, Pool } from "../../src/log/pool.ts";
import { encodeEntryBlock } from "../../src/tlog/entry-bundle.ts";
import { expectCode } from "../expect-code.ts";

const LIMITS = { maxPendingEntries: 4, maxPendingBytes: 100 };
const UNLIMITED = { maxEntries: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER };

function group(count: number, bytesEach: number): PendingGroup<void> {
  const entries = Array.from({ length: count }, () => new Uint8Array(bytesEach));
  const block = encodeEntryBlock(entries);
  return {
    block,
    leafHashes: new Uint8Array(0),
    bytes: count * bytesEach,
    resolve: () => {},
    reject: () => {},
  };
}

describe("Pool", () => {
  it("refuses what would exceed its entries, and keeps what it has", () => {
    const pool = new Pool<void>(LIMITS);
    pool.push(group(3, 1));
    expectCode(() => pool.push(group(2, 1)), "POOL_FULL");
    expect(pool.size).toEqual({ pendingEntries: 3, pendingBytes: 3 });
    pool.push(group(1, 1));
  });

  it("refuses what would exceed its bytes", () => {
    const pool = new Pool<void>(LIMITS);
    pool.push(group(1, 60));
    expectCode(() => pool.push(group(1, 41)), "POOL_FULL");
    pool.push(group(1, 40));
  });

  it("has room again for what was taken", () => {
    const pool = new Pool<void>(LIMITS);
    pool.push(group(4, 25));
    expect(pool.take(UNLIMITED)).toHaveLength(1);
    expect(pool.isEmpty).toBe(true);
    pool.push(group(4, 25));
  });

  it("takes whole groups in order of arrival, up to the limits", () => {
    const pool = new Pool<void>(LIMITS);
    const groups = [group(1, 10), group(2, 10), group(1, 10)];
    for (const item of groups) pool.push(item);
    expect(pool.take({ maxEntries: 3, maxBytes: 100 })).toEqual(groups.slice(0, 2));
    expect(pool.take({ maxEntries: 3, maxBytes: 100 })).toEqual(groups.slice(2));
  });

  it("takes a first group that alone exceeds the limits", () => {
    const pool = new Pool<void>(LIMITS);
    pool.push(group(3, 10));
    pool.push(group(1, 10));
    expect(pool.take({ maxEntries: 1, maxBytes: 5 })).toHaveLength(1);
    expect(pool.take({ maxEntries: 1, maxBytes: 5 })).toHaveLength(1);
  });
});
