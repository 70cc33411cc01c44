/**
 * Runs `work` on each item, at most `limit` at a time, and gives the results in the items' order. The next item is read
 * while the ones before are at work. After a failure, of the items or of the work, nothing more is started; the results
 * before it are given, then it is thrown.
 */
export async function* inFlight<Item, Result>(
  items: AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  for await (const item of endingInFailure(items)) {
    const oldest = running.length >= limit ? running.shift() : undefined;
    if (oldest !== undefined) yield await oldest;
    const started = "failure" in item ? Promise.reject(item.failure) : work(item.value);
    started.catch(() => {}); // thrown where it is awaited, in order
    running.push(started);
  }
  for (const started of running) yield await started;
}

/** Takes a failure of the items for their last one, so that it waits its turn. */
async function* endingInFailure<Item>(
  items: AsyncIterable<Item>,
): AsyncGenerator<{ readonly value: Item } | { readonly failure: unknown }> {
  try {
    for await (const value of items) yield { value };
  } catch (failure) {
    yield { failure };
  }
}
