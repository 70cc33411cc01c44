/** How much of what could be tried is: all in CI, with BRISTLECONE_TEST=full; else a third, so that `npm test` stays short. */
export const IS_FULL: boolean = process.env.BRISTLECONE_TEST === "full";

/** Cases of a property test: a third is at least five. */
export function runs(all: number): number {
  return IS_FULL ? all : Math.max(Math.min(all, 5), Math.ceil(all / 3));
}

/** Of things to try in turn, all or every third and the last. */
export function some<T>(all: readonly T[]): readonly T[] {
  return IS_FULL ? all : all.filter((_, at) => at % 3 === 0 || at === all.length - 1);
}

/** As {@link some}, of the numbers from 0 up to `count`. Of bits, so each place in a byte has its turn. */
export function someBelow(count: number): readonly number[] {
  return some(Array.from({ length: count }, (_, at) => at));
}
