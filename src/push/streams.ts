/** Those who listen to a log: each is told the newest checkpoint, and who asked for them the entries with their receipts. */
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { EntryEvents } from "./entry-events.ts";
import { EntryStreams } from "./entry-streams.ts";
import { encodeRetry } from "./event-text.ts";
import { Rounds, type WorkClock } from "./rounds.ts";
import { networkOf, Seats } from "./seats.ts";
import { type Shown, shownBy } from "./shown.ts";
import { type Sink, Stream, type StreamTimes } from "./stream.ts";

/** What listeners may cost together, and how they are kept. */
export interface StreamLimits {
  readonly maxStreams: number;
  /** Of those, with entries. */
  readonly maxEntryStreams: number;
  /** How many leaves behind the newest checkpoint a stream with entries may begin. What is older is read as tiles. */
  readonly maxEntriesBehind: number;
}

export const DEFAULT_STREAM_TIMES: StreamTimes = Object.freeze({
  lookMs: 50,
  heartbeatMs: 15_000,
  stalledMs: 30_000,
  maxLifeMs: 1_800_000,
});

export interface StreamsOptions {
  readonly log: Pick<LogView, "published" | "readEntries" | "receiptBytes">;
  readonly limits: StreamLimits;
  readonly times?: Partial<StreamTimes>;
  /** Hears why a stream was cut that could not be told what is published. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds on a clock that never goes back. Default: performance.now. */
  readonly now?: () => number;
  /** See {@link WorkClock.computed}. Default: the processor time of this process. */
  readonly computed?: () => number;
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/** What a reader asks for. */
export interface Listening {
  /** The tree size up to which the reader has all; undefined: it wants what is new. */
  readonly from: number | undefined;
  readonly wantsEntries: boolean;
  /** Where its connection comes from: its own address, or a proxy's. */
  readonly address: string | undefined;
  /** Aborts when the listener starts to close. */
  readonly closing: AbortSignal | undefined;
}

/** Between two looks for streams to keep alive or to end, when there is nothing to tell. */
const SWEEP_MS = 1_000;
/** Some writes to sockets: a millisecond. */
const SLICE = 64;
/** A browser that lost its stream comes back after one to five seconds, not all at once. */
const RETRY_MS = { least: 1_000, spread: 4_000 };

/**
 * No stream has a queue: it has a place in the log, and is told the newest checkpoint when its reader takes it. So a slow reader costs
 * the memory of one event, or of one piece of entries, and misses checkpoints in between, never an entry.
 */
export class EventStreams {
  readonly #options: Required<Omit<StreamsOptions, "times" | "computed">>;
  readonly #times: StreamTimes;
  readonly #look: () => Shown;
  readonly #plain: Rounds<Stream>;
  readonly #full: EntryStreams;
  readonly #seats: Seats;
  readonly #entrySeats: Seats; // of those, with entries
  readonly #streams = new Set<Stream>(); // owned by #begin() and #leave()
  readonly #closings = new WeakSet<AbortSignal>(); // owned by #listenTo()
  #told: Shown | undefined; // owned by #isDue(): what the last round told
  #sweepAt = 0; // owned by #isDue()

  constructor(options: StreamsOptions) {
    const { log, limits, onError, random = Math.random } = options;
    const { now = () => performance.now(), computed = computedMs } = options;
    const clock: WorkClock = { now, computed };
    this.#options = { log, limits, onError, now, random };
    this.#times = { ...DEFAULT_STREAM_TIMES, ...options.times };
    const { lookMs } = this.#times;
    this.#look = shownBy(log);
    this.#seats = new Seats(limits.maxStreams);
    this.#entrySeats = new Seats(limits.maxEntryStreams);
    const look = () => this.#lookForAll();
    this.#full = new EntryStreams({ entries: new EntryEvents(log), look, onError, lookMs, clock });
    this.#plain = new Rounds({
      clock,
      sliceSize: SLICE,
      everyMs: () => lookMs,
      begin: (streams) => (this.#isDue() ? [...streams] : undefined),
      visit: (streams) => {
        for (const stream of streams) this.#tell(stream);
      },
    });
  }

  /** How many listen. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Admits a reader.
   * @returns a function that begins its stream.
   * @throws {TlogError} SERVER_BUSY (too many listen already) | LOG_CLOSING | PARAMETER_INVALID (entries from too far back)
   */
  admit(asked: Listening): (sink: Sink) => void {
    const { from, wantsEntries, closing } = asked;
    if (closing?.aborted === true) throw new TlogError("LOG_CLOSING", "the log is shutting down");
    const network = networkOf(asked.address);
    if (!this.#seatsFor(asked).every((seats) => seats.hasRoomFor(network))) {
      throw new TlogError("SERVER_BUSY", "as many listen as may");
    }
    const shown = this.#look();
    const oldest = Math.max(0, shown.treeSize - this.#options.limits.maxEntriesBehind);
    if (wantsEntries && from !== undefined && from < oldest) {
      throw new TlogError(
        "PARAMETER_INVALID",
        `from: want at least ${oldest}, got ${from}; what is older is read as tiles`,
      );
    }
    return (sink) => this.#begin(sink, asked, network);
  }

  #seatsFor({ wantsEntries }: Pick<Listening, "wantsEntries">): readonly Seats[] {
    return wantsEntries ? [this.#entrySeats, this.#seats] : [this.#seats];
  }

  #begin(sink: Sink, asked: Listening, network: string): void {
    const { from, wantsEntries, closing } = asked;
    if (sink.destroyed || closing?.aborted === true) {
      sink.end();
      return;
    }
    const shown = this.#look();
    const { now, random } = this.#options;
    const stream = new Stream({
      sink,
      network,
      next: from ?? shown.treeSize,
      shown: from === shown.treeSize ? shown : undefined,
      lifeMs: this.#times.maxLifeMs * (1 - random() / 4),
      times: this.#times,
      now,
      onEnd: (ended) => this.#leave(ended),
    });
    this.#streams.add(stream);
    for (const seats of this.#seatsFor(asked)) seats.take(stream)?.end();
    if (closing !== undefined) this.#listenTo(closing);
    stream.write(encodeRetry(RETRY_MS.least + Math.floor(RETRY_MS.spread * random())));
    if (wantsEntries) {
      this.#full.add(stream, shown);
    } else {
      stream.show(shown);
      this.#plain.add(stream);
    }
  }

  #leave(stream: Stream): void {
    this.#streams.delete(stream);
    this.#seats.leave(stream);
    this.#entrySeats.leave(stream);
    this.#plain.delete(stream);
    this.#full.delete(stream);
  }

  /** What cannot be read now is told to nobody: streams are cut, and who comes back is answered what is wrong. */
  #lookForAll(): Shown | undefined {
    try {
      return this.#look();
    } catch (error) {
      this.#options.onError(error);
      for (const stream of [...this.#streams]) stream.cut();
      return undefined;
    }
  }

  #isDue(): boolean {
    const shown = this.#lookForAll();
    if (shown === undefined) return false;
    const now = this.#options.now();
    if (shown === this.#told && now < this.#sweepAt) return false;
    this.#told = shown;
    this.#sweepAt = now + Math.min(SWEEP_MS, this.#times.heartbeatMs);
    return true;
  }

  #tell(stream: Stream): void {
    if (this.#told === undefined || !stream.takes()) return;
    if (!stream.show(this.#told)) stream.keepAlive();
  }

  /** Once for each listener, not for each stream. */
  #listenTo(closing: AbortSignal): void {
    if (this.#closings.has(closing)) return;
    this.#closings.add(closing);
    const endAll = () => {
      for (const stream of [...this.#streams]) stream.end();
    };
    closing.addEventListener("abort", endAll, { once: true });
  }
}

function computedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
