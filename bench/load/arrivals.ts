/** When requests of an open loop are due: decided beforehand, whatever the server does meanwhile. */

export type ArrivalKind = "fixed" | "poisson";

/**
 * @param random - uniform in [0, 1).
 * @returns a function that gives, at each call, the next time in milliseconds from the start; never goes back.
 */
export function arrivalTimes(schedule: {
  readonly kind: ArrivalKind;
  readonly perSecond: number;
  readonly random: () => number;
}): () => number {
  const { kind, perSecond, random } = schedule;
  if (!(perSecond > 0)) throw new RangeError(`arrivals: want a rate above 0, got ${perSecond}`);
  const meanGapMs = 1000 / perSecond;
  let count = 0;
  let atMs = 0;
  if (kind === "fixed") {
    return () => {
      count += 1;
      return (count - 1) * meanGapMs;
    };
  }
  return () => {
    // Gaps of a Poisson process are exponential; 1 - random is never 0.
    atMs -= Math.log(1 - random()) * meanGapMs;
    return atMs;
  };
}

/** Uniform in [0, 1), the same for the same seed: splitmix32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
