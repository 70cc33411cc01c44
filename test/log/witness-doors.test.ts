import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { lastShared } from "../../src/log/witness-doors.ts";
import { expectCodeAsync } from "../expect-code.ts";

describe("proofs for several witnesses", () => {
  it("are made once for those that stand at the same size, and for each other size anew", async () => {
    const made: string[] = [];
    const prove = lastShared(async ({ fromSize, toSize }) => {
      made.push(`${fromSize}-${toSize}`);
      return [Uint8Array.of(fromSize, toSize)];
    });
    const steps = [1, 1, 2, 1].map((fromSize) => prove({ fromSize, toSize: 9 }));
    expect((await Promise.all(steps)).map(([hash]) => hash?.[0])).toEqual([1, 1, 2, 1]);
    expect(made).toEqual(["1-9", "2-9", "1-9"]);
    expect(await prove({ fromSize: 1, toSize: 10 })).toEqual([Uint8Array.of(1, 10)]);
  });

  it("are tried again after one that failed", async () => {
    let isBroken = true;
    const prove = lastShared(async () => {
      if (isBroken) throw new TlogError("STORE_DAMAGED", "a tile");
      return [];
    });
    await expectCodeAsync(prove({ fromSize: 1, toSize: 2 }), "STORE_DAMAGED");
    isBroken = false;
    expect(await prove({ fromSize: 1, toSize: 2 })).toEqual([]);
  });
});
