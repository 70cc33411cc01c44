import { describe, expect, it } from "vitest";
import { type Suspect, Suspects } from "../../src/witness/suspects.ts";

const HOUR_MS = 3_600_000;

function suspect(treeSize: number, origin = "log", root = 1): Suspect {
  return { origin, treeSize, rootHash: new Uint8Array(32).fill(root), signedNote: new Uint8Array(1) };
}

function holding(count: number) {
  const clock = { ms: 0 };
  const suspects = new Suspects(() => clock.ms);
  for (let size = 1; size <= count; size++) suspects.add(suspect(size));
  const sizes = (origin = "log") => suspects.of(origin).map(({ treeSize }) => treeSize);
  return { suspects, clock, sizes };
}

describe("Suspects", () => {
  it("holds each size and root of a log once", () => {
    const { suspects, sizes } = holding(2);
    suspects.add(suspect(1));
    suspects.add(suspect(1, "log", 2));
    suspects.add(suspect(1, "other"));
    expect(sizes()).toEqual([1, 2, 1]);
    expect(sizes("other")).toEqual([1]);
  });

  it("lets no newcomer push out what nobody has settled, for an hour", () => {
    const { suspects, clock, sizes } = holding(9);
    expect(sizes()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    clock.ms = HOUR_MS;
    for (const size of [9, 10]) suspects.add(suspect(size));
    expect(sizes()).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("has room again for what comes when one is settled, and forgets a log without any", () => {
    const { suspects, sizes } = holding(8);
    suspects.settle(suspect(3));
    suspects.settle(suspect(77));
    suspects.add(suspect(9));
    expect(sizes()).toEqual([1, 2, 4, 5, 6, 7, 8, 9]);
    for (const one of suspects.of("log")) suspects.settle(one);
    expect(suspects.origins()).toEqual([]);
    suspects.add(suspect(1));
    suspects.settleAll("log");
    expect(suspects.origins()).toEqual([]);
  });

  it("puts last what was looked at, and nothing that is gone", () => {
    const { suspects, sizes } = holding(3);
    suspects.putLast(suspect(1));
    suspects.putLast(suspect(77));
    expect(sizes()).toEqual([2, 3, 1]);
  });

  it("holds those of so many logs, of which one whose are all an hour old makes room", () => {
    const { suspects, clock } = holding(1);
    for (let log = 0; log < 1023; log++) suspects.add(suspect(1, `log ${log}`));
    suspects.add(suspect(1, "late"));
    expect(suspects.of("late")).toEqual([]);
    clock.ms = HOUR_MS;
    suspects.add(suspect(2));
    suspects.add(suspect(1, "late"));
    expect(suspects.of("late")).toHaveLength(1);
    expect(suspects.of("log")).toHaveLength(2);
    expect(suspects.of("log 0")).toEqual([]);
    expect(suspects.origins()).toHaveLength(1024);
  });
});
