import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "../../src/node/fair-queue.ts";

describe("FairQueue", () => {
  it("serves its lanes in turn, each in order", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(item.slice(0, 1), item);
    const served = Array.from({ length: 7 }, () => queue.shift());
    expect(served).toEqual(["a1", "b1", "c1", "a2", "c2", "a3", undefined]);
  });

  it("drops the newest of the longest lane, and of the lane named where several are as long", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "b1", "b2", "c1"]) queue.push(item.slice(0, 1), item);
    expect(queue.dropNewest("c")).toBe("b2");
    expect(queue.dropNewest("c")).toBe("c1");
    expect(queue.length).toBe(2);
    expect([queue.shift(), queue.shift(), queue.dropNewest("a")]).toEqual(["a1", "b1", undefined]);
  });

  it("loses and doubles nothing, and lets nobody wait for more than one of each other lane", () => {
    const lanes = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 });
    fc.assert(
      fc.property(lanes, (given) => {
        const queue = new FairQueue<number>();
        for (const [number, lane] of given.entries()) queue.push(lane, number);
        expect(queue.length).toBe(given.length);
        const served = given.map(() => queue.shift() ?? -1);
        expect([...served].sort((a, b) => a - b)).toEqual(given.map((_, number) => number));
        const turns = served.map((number) => given[number]);
        const first = new Set(given).size;
        expect(new Set(turns.slice(0, first)).size).toBe(first);
        expect(queue.length).toBe(0);
      }),
    );
  });
});
