/** Lets a bounded number through at a time, first come, first served. */
export class Gate {
  #free: number; // owned by pass()
  readonly #queue: (() => void)[] = []; // owned by pass()

  constructor(width: number) {
    this.#free = width;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
