import { TlogError } from "../errors.ts";

/**
 * Lets at most `max` pieces of work run at the same time. What is too much is refused at once instead of queued, so that what is
 * begun ends in a bounded time.
 * @returns a function that does the work. @throws {TlogError} SERVER_BUSY, and as the work
 */
export function concurrencyLimit(max: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0; // owned by the returned function
  return async (work) => {
    if (running >= max) throw new TlogError("SERVER_BUSY", `${max} requests of this kind are under way`);
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
    }
  };
}
