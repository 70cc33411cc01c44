/** Deals out turns of the event loop to work that is done in parts: one part in each turn, whosever it is, and others are served between. */
export class Turns {
  #last: Promise<void> = Promise.resolve(); // owned by next()

  /** Resolves in a turn of the event loop that is the caller's. First come, first served. */
  next(): Promise<void> {
    const turn = this.#last.then(nextTurn);
    this.#last = turn;
    return turn;
  }
}

/** Resolves in the next turn of the event loop, once what the sockets have brought is read. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
