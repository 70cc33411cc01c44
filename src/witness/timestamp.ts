import { TlogError } from "../errors.ts";

/** How far the clock may be behind the newest cosignature of a log. Beyond it the clock is wrong, now or then. */
const MAX_LAG_SECONDS = 60;

/**
 * The time a cosignature states: the clock's, but never earlier than the last one for this log, so that no clock can make an
 * honest witness look as if it had gone back. It may stay the same while the tree grows: "went back" takes a later time.
 * See spec/decisions/0019.
 * @param args.lastSeconds - of the newest cosignature for this log; undefined when there is none.
 * @returns POSIX seconds, above 0.
 * @throws {TlogError} CLOCK_BEHIND: the clock is more than a minute behind `lastSeconds`, or before 1970
 */
export function nextTimestamp(args: {
  readonly nowMs: number;
  readonly lastSeconds: number | undefined;
}): number {
  const nowSeconds = Math.floor(args.nowMs / 1000);
  const lastSeconds = args.lastSeconds ?? 1;
  if (nowSeconds >= lastSeconds) return nowSeconds;
  const lag = lastSeconds - nowSeconds;
  if (lag <= MAX_LAG_SECONDS && nowSeconds > 0) return lastSeconds;
  throw new TlogError(
    "CLOCK_BEHIND",
    `the clock is ${lag} s behind the witness's own newest cosignature (at ${lastSeconds}): want at most ${MAX_LAG_SECONDS}`,
  );
}
