/** Work that goes on behind: one step after the other, until there is none left or one fails. */
export class Lane {
  readonly #step: () => Promise<boolean>;
  #running: Promise<void> | undefined; // owned by start(), as are the fields below
  #isWanted = false;
  #isStopped = false;
  #failure: unknown;

  /** @param step - @returns whether there may be more to do. */
  constructor(step: () => Promise<boolean>) {
    this.#step = step;
  }

  /** What made it stand still; undefined while it works or has nothing to do. */
  get failure(): unknown {
    return this.#failure;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Goes to work, if it does not; after a failure it tries again. */
  start(): void {
    this.#isWanted = true;
    if (this.#running !== undefined || this.#isStopped) return;
    this.#failure = undefined;
    this.#running = this.#run();
  }

  /** Resolves when it stands still. Never rejects. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Resolves when the step it is in has ended; it starts no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      // What is asked for while the last step finds nothing to do is not lost.
      while (this.#isWanted && !this.#isStopped) {
        this.#isWanted = false;
        if (await this.#step()) this.#isWanted = true;
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#running = undefined;
  }
}
