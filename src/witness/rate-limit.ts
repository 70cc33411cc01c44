import type { WitnessedLog } from "./witness.ts";

const DAY_MS = 86_400_000;
const MIN_BURST = 10;
const MINUTES_A_DAY = 1440;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * Counts the new heads that are cosigned for each log against what it agreed to ("qpd" of the witness network's lists), with a
 * minute's worth, and at least 10, at once. Nothing else counts: anybody can send a log's public checkpoint again, and must not
 * use up its share by it.
 */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>(); // owned by take(); one per log of the roster that sent something
  readonly #now: () => number;

  /** @param now - milliseconds. A clock that goes back only pauses the refill. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns 0 when the head may be cosigned, else in how many seconds there will be room. */
  take({ origin, queriesPerDay }: Pick<WitnessedLog, "origin" | "queriesPerDay">): number {
    if (queriesPerDay === undefined) return 0;
    const now = this.#now();
    const burst = Math.max(MIN_BURST, Math.ceil(queriesPerDay / MINUTES_A_DAY));
    const bucket = this.#buckets.get(origin) ?? { tokens: burst, filledAtMs: now };
    this.#buckets.set(origin, bucket);
    const refill = (Math.max(0, now - bucket.filledAtMs) * queriesPerDay) / DAY_MS;
    bucket.tokens = Math.min(burst, bucket.tokens + refill);
    bucket.filledAtMs = now;
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * DAY_MS) / queriesPerDay / 1000);
    bucket.tokens -= 1;
    return 0;
  }
}
