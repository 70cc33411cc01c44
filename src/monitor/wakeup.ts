/** Something that is waited for again and again, by any number at a time. */
export class Wakeup {
  readonly #waiting = new Set<() => void>(); // owned by wait()

  /** Whoever waits now goes on. */
  wake(): void {
    for (const resolve of [...this.#waiting]) resolve();
  }

  /** Resolves at the next `wake`, or when the signal aborts; leaves nothing on the signal, which outlives many waits. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      signal.addEventListener("abort", done);
      this.#waiting.add(done);
    });
  }
}
