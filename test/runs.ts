/** Cases of a property test: all in CI, with BRISTLECONE_TEST=full; else a third, at least five, so that `npm test` stays short. */
export function runs(all: number): number {
  return process.env.BRISTLECONE_TEST === "full" ? all : Math.max(Math.min(all, 5), Math.ceil(all / 3));
}
