/** The name of the counters in a program that was instrumented; `globalThis` has them. */
export const COUNTERS = "__fuzzCounters";
