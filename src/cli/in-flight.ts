/**
 * Runs `work` on each item, at most `limit` at a time, and gives the results in the items' order. The next item is read
 * while the ones before are at work. After a failure nothing more is started, and the failure is thrown once the work
 * before it is done.
 */
export async function* inFlight<Item, Result>(
  items: AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  for await (const item of items) {
    const oldest = running.length >= limit ? running.shift() : undefined;
    if (oldest !== undefined) yield await oldest;
    const started = work(item);
    started.catch(() => {}); // thrown where it is awaited, in order
    running.push(started);
  }
  for (const started of running) yield await started;
}
