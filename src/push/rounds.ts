/** How {@link Rounds} go round. */
export interface RoundsOptions<T> {
  /** Whom this round visits, of all members; undefined: nobody. What it does counts as the round's. */
  readonly begin: (members: ReadonlySet<T>) => Promise<readonly T[] | undefined> | readonly T[] | undefined;
  /** Does what is to be done for some of them, without a turn of the event loop between. */
  readonly visit: (members: readonly T[]) => Promise<void> | void;
  /** Members in one visit: what the event loop waits for. */
  readonly sliceSize: number;
  /** The shortest time from a round to the next. */
  readonly everyMs: () => number;
  readonly clock: WorkClock;
}

/** What work took of the time of those who wait for it. */
export interface WorkClock {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Milliseconds that this process has computed. */
  readonly computed: () => number;
}

/** Of the event loop's time, what rounds may take: a pause is at least this many times as long as the round before it. */
const PAUSE_FACTOR = 9;

/**
 * Visits members again and again. Rounds take at most a tenth of the event loop, however many members there are: with more of them
 * each is visited less often, and nobody else waits. What counts is what was computed: while a round waited, for a disk or because other
 * programs had the machine, nobody waited for it.
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
    this.#schedule(this.#options.everyMs());
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

  /** `begin` and `visit` do not throw: what fails for one member is its own end. */
  async #go(): Promise<void> {
    const { begin, visit, sliceSize, everyMs } = this.#options;
    this.#isGoing = true;
    let visited: readonly T[] = [];
    let busyMs = await this.#busyMs(async () => {
      visited = (await begin(this.#members)) ?? [];
    });
    for (let at = 0; at < visited.length; at += sliceSize) {
      await nextTurn();
      busyMs += await this.#busyMs(async () => {
        await visit(visited.slice(at, at + sliceSize));
        await flushed();
      });
    }
    this.#isGoing = false;
    this.#schedule(Math.max(everyMs(), PAUSE_FACTOR * busyMs));
  }

  /** Other threads compute too, and others' requests do while `work` waits: it is never more than either clock says. */
  async #busyMs(work: () => Promise<void>): Promise<number> {
    const { now, computed } = this.#options.clock;
    const [startedAt, before] = [now(), computed()];
    await work();
    return Math.min(now() - startedAt, computed() - before);
  }
}

/** Node gives what was written to an answer to its socket in the next tick: most of what a write costs is counted only then. */
function flushed(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
