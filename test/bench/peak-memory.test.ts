import { expect, it } from "vitest";
import { parsePeak } from "../../bench/peers/peak-memory.ts";

it("reads the most that was resident, and makes nothing up", () => {
  expect(parsePeak("Name:\tnode\nVmHWM:\t   90112 kB\nVmRSS:\t   80000 kB\n")).toBe(88);
  expect(parsePeak("VmRSS:\t   80000 kB\n")).toBeNaN();
});
