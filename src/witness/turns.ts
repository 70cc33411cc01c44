/** Work on one subject at a time, on different subjects side by side; a bounded number may wait for each. */
export class Turns {
  readonly #maxWaiting: number;
  readonly #queues = new Map<string, { count: number; last: Promise<unknown> }>(); // owned by takeAlways()

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** @returns undefined when too many wait already: then `work` is not done. */
  take<T>(subject: string, work: () => Promise<T>): Promise<T> | undefined {
    const waiting = this.#queues.get(subject)?.count ?? 0;
    return waiting < this.#maxWaiting ? this.takeAlways(subject, work) : undefined;
  }

  /** For what must not be dropped, however many wait. */
  takeAlways<T>(subject: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(subject) ?? { count: 0, last: Promise.resolve() };
    this.#queues.set(subject, queue);
    queue.count += 1;
    const done = queue.last.then(work).finally(() => {
      queue.count -= 1;
      if (queue.count === 0) this.#queues.delete(subject);
    });
    queue.last = done.catch(() => undefined);
    return done;
  }
}
