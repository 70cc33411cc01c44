import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { SpaceFloor } from "../../src/log/space-floor.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, openOn, published } from "./harness.ts";

const MIB = 1_048_576;
const FLOOR = 256 * MIB;

/** A disk of which as much is free as a test says, and what is told of it. */
function disk(free: number) {
  const told: string[] = [];
  const state = { free: async () => free, looks: 0 };
  return {
    told,
    looks: () => state.looks,
    leave: (bytes: number) => {
      state.free = async () => bytes;
    },
    fail: () => {
      state.free = () => Promise.reject(new Error("EIO"));
    },
    open: (minFreeBytes = FLOOR) => {
      const freeBytes = () => {
        state.looks += 1;
        return state.free();
      };
      const events = { spaceLow: () => void told.push("low"), spaceBack: () => void told.push("back") };
      return SpaceFloor.open({ minFreeBytes, freeBytes, checkMs: 1 }, events);
    },
  };
}

describe("the free-space floor", () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const floorOn = async (on: ReturnType<typeof disk>, minFreeBytes?: number): Promise<SpaceFloor> => {
    const floor = await on.open(minFreeBytes);
    closing.push(() => floor.close());
    return floor;
  };
  const logOn = async (space: SpaceFloor): Promise<Log> => {
    const log = await openOn(emptyDisks(), { space });
    closing.push(() => log.close());
    return log;
  };

  it("turns entries away while too little is free, publishes and serves meanwhile, and takes them again", async () => {
    const nearlyFull = disk(2 * FLOOR);
    const log = await logOn(await floorOn(nearlyFull));
    await log.add(entry(0));
    nearlyFull.leave(FLOOR - 1);
    await expect.poll(() => log.state()).toMatchObject({ status: "read-only", code: "SPACE_LOW" });
    await expectCodeAsync(log.add(entry(1)), "SPACE_LOW");
    await expectCodeAsync(log.addBatch([entry(1)]), "SPACE_LOW");
    await published(log, 0);
    expect(await log.readEntry(0)).toEqual(entry(0));
    nearlyFull.leave(2 * FLOOR);
    await expect.poll(() => log.state()).toEqual({ status: "writable" });
    expect(await log.add(entry(1))).toMatchObject({ leafIndex: 1 });
    expect(nearlyFull.told).toEqual(["low", "back"]);
  });

  it("starts on a disk that is nearly full, and says so", async () => {
    const log = await logOn(await floorOn(disk(FLOOR - 1)));
    expect(log.state()).toMatchObject({ status: "read-only", code: "SPACE_LOW" });
    expect(log.published().treeSize).toBe(0);
  });

  it("counts what was taken since it looked: a burst does not fill the disk before the next look", async () => {
    const held = disk(FLOOR + 10 * MIB);
    const floor = await held.open();
    floor.close();
    floor.took({ entries: 1, bytes: 4 * MIB });
    expect(floor.refusal).toBeUndefined();
    floor.took({ entries: 1, bytes: 4 * MIB });
    expect(floor.refusal).toMatchObject({ code: "SPACE_LOW" });
    // Small entries cost more than their bytes.
    const small = await disk(FLOOR + 10 * MIB).open();
    small.close();
    small.took({ entries: 65_536, bytes: 0 });
    expect(small.refusal).toMatchObject({ code: "SPACE_LOW" });
  });

  it("wants some more than the floor before it takes entries again: it does not open and shut all the time", async () => {
    const wavering = disk(FLOOR - 1);
    const floor = await floorOn(wavering);
    wavering.leave(FLOOR + 1);
    const looked = wavering.looks();
    await expect.poll(() => wavering.looks()).toBeGreaterThan(looked + 3);
    expect(floor.refusal).toMatchObject({ code: "SPACE_LOW" });
    wavering.leave(FLOOR + FLOOR / 8);
    await expect.poll(() => floor.refusal).toBeUndefined();
    expect(wavering.told).toEqual(["low", "back"]);
  });

  it("goes by what it saw last when the disk does not say", async () => {
    const silent = disk(0);
    silent.fail();
    const log = await logOn(await floorOn(silent));
    expect(await log.add(entry(0))).toMatchObject({ leafIndex: 0 });
    expect(silent.told).toEqual([]);
  });
});
