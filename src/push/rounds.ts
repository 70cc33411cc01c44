/** How {@link Rounds} go round. */
export interface RoundsOptions<T> {
  /** Does what is to be done for some of the members, without a turn of the event loop between. */
  readonly visit: (members: readonly T[]) => Promise<void>;
  /** Members in one visit: what the event loop waits for. */
  readonly sliceSize: number;
  /** Asked before each round. */
  readonly isDue: () => boolean;
  readonly everyMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** Of the event loop's time, what rounds may take: a pause is at least this many times as long as the round before it. */
const PAUSE_FACTOR = 9;

/**
 * Visits all members again and again. Rounds take at most a tenth of the event loop, however many members there are: with more of them
 * each is visited less often, and nobody else waits.
 */
export class Rounds<T> {
  readonly #options: RoundsOptions<T>;
  readonly #members = new Set<T>(); // owned by add() and delete()
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #schedule()
  #isGoing = false; // owned by #go()

  constructor(options: RoundsOptions<T>) {
    this.#options = options;
  }

  get members(): ReadonlySet<T> {
    return this.#members;
  }

  add(member: T): void {
    this.#members.add(member);
    this.#schedule(this.#options.everyMs);
  }

  delete(member: T): void {
    this.#members.delete(member);
  }

  #schedule(inMs: number): void {
    if (this.#timer !== undefined || this.#isGoing || this.#members.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#go();
    }, inMs);
    this.#timer.unref();
  }

  /** `visit` does not throw: what fails for one member is its own end. */
  async #go(): Promise<void> {
    const { visit, sliceSize, isDue, everyMs, now } = this.#options;
    this.#isGoing = true;
    let busyMs = 0;
    if (isDue()) {
      const members = [...this.#members];
      for (let at = 0; at < members.length; at += sliceSize) {
        if (at > 0) await nextTurn();
        const startedAt = now();
        await visit(members.slice(at, at + sliceSize));
        await flushed();
        busyMs += now() - startedAt;
      }
    }
    this.#isGoing = false;
    this.#schedule(Math.max(everyMs, PAUSE_FACTOR * busyMs));
  }
}

/** Node gives what was written to an answer to its socket in the next tick: most of what a write costs is counted only then. */
function flushed(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
