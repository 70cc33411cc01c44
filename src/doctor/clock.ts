/** This machine's clock against others'. */
import { fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";
import type { ClockSight } from "./visits.ts";
import { inTime } from "./words.ts";

/** Cosignatures carry a time, and readers may want them fresh; tokens and certificates end at one. */
const OFF_MS = 5_000;
const FAR_OFF_MS = 60_000;

export async function lookAtClock(sheet: Sheet, clocks: readonly ClockSight[]): Promise<void> {
  await sheet.look({ check: "clock", see: () => judgeClocks(clocks) });
}

/** The middle one of several speaks: one machine that is wrong itself is no judge. */
export function judgeClocks(clocks: readonly ClockSight[]): Outcome {
  const others = clocks.filter(({ of }) => !/^(localhost|127\.|\[::1\])/.test(of));
  if (others.length === 0) return skipped("no other machine answered with the time");
  const sorted = [...others].sort((a, b) => a.aheadMs - b.aheadMs);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) return skipped("no other machine answered with the time");
  const offMs = Math.max(0, Math.abs(middle.aheadMs) - middle.withinMs);
  const from = `${others.length === 1 ? middle.of : `${others.length} others`}`;
  const advice = "set the clock by NTP: `timedatectl` says whether it is synchronised";
  if (offMs < OFF_MS)
    return ok(`as ${from} ${others.length === 1 ? "has" : "have"} it, to ${inTime(OFF_MS)}`);
  const words = `it is ${inTime(middle.aheadMs)} ${middle.aheadMs > 0 ? "behind" : "ahead of"} ${from}`;
  return offMs < FAR_OFF_MS ? warn(words, advice) : fail(words, advice);
}
