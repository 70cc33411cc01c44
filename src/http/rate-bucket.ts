/**
 * How much somebody may have, on average. Holds what may be taken in one second. Whatever is asked is given while anything is left, and
 * paid off before the next: a batch larger than a second's worth is not refused for ever, and nobody gets more in the long run.
 */
export class RateBucket {
  readonly perSecond: number;
  #left: number; // owned by take(); below 0: what is still to be paid off
  #filledAtMs: number | undefined; // owned by take()

  /** @param owed - what is still to be paid off before anything may be taken; default: a second's worth is there. */
  constructor(perSecond: number, owed?: Owed) {
    this.perSecond = perSecond;
    this.#left = owed === undefined ? perSecond : -owed.amount;
    this.#filledAtMs = owed?.atMs;
  }

  /** How long until something may be taken; 0: now. */
  waitMs(nowMs: number): number {
    const left = this.#leftAt(nowMs);
    return left > 0 ? 0 : Math.floor((-left / this.perSecond) * 1000) + 1;
  }

  owedAt(nowMs: number): Owed {
    return { amount: -this.#leftAt(nowMs), atMs: nowMs };
  }

  /** @param amount - below 0: gives back. */
  take(amount: number, nowMs: number): void {
    this.#left = this.#leftAt(nowMs) - amount;
    this.#filledAtMs = nowMs;
  }

  #leftAt(nowMs: number): number {
    const elapsedMs = nowMs - (this.#filledAtMs ?? nowMs);
    return Math.min(this.perSecond, this.#left + (elapsedMs / 1000) * this.perSecond);
  }
}

/** What was taken and is not paid off; an amount below 0 is there to be taken. */
export interface Owed {
  readonly amount: number;
  readonly atMs: number;
}
