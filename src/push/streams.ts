/** Those who listen to a log: each is told the newest checkpoint, and who asked for them the entries with their receipts. */
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import { EntryEvents } from "./entry-events.ts";
import { encodeEvent, encodeRetry, HEARTBEAT } from "./event-text.ts";
import { Rounds } from "./rounds.ts";

/** Where a stream goes: Node's answer, or a pipe in its place. */
export interface Sink {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  readonly writableNeedDrain: boolean;
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** What listeners may cost together, and how they are kept. */
export interface StreamLimits {
  readonly maxStreams: number;
  /** Of those, with entries. */
  readonly maxEntryStreams: number;
  /** How many leaves behind the newest checkpoint a stream with entries may begin. What is older is read as tiles. */
  readonly maxEntriesBehind: number;
}

/** Times in milliseconds. */
export interface StreamTimes {
  /** How often the log is looked at. */
  readonly lookMs: number;
  /** Silence after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Who does not take what was sent in this time is cut. */
  readonly stalledMs: number;
  /** After this a stream ends, and its reader connects anew: to another process, or after others. */
  readonly maxLifeMs: number;
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
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/** What a reader asks for. */
export interface Listening {
  /** The tree size up to which the reader has all; undefined: it wants what is new. */
  readonly from: number | undefined;
  readonly wantsEntries: boolean;
  /** Aborts when the listener starts to close. */
  readonly closing: AbortSignal | undefined;
}

interface Stream {
  readonly sink: Sink;
  readonly endsAt: number;
  next: number; // owned by #tellEntries(): the first leaf to be told
  shown: Shown | undefined; // owned by #tell() and #tellEntries()
  writtenAt: number; // owned by #write()
  blockedSince: number | undefined; // owned by #takes()
}

/** A checkpoint as it was told. */
interface Shown {
  readonly treeSize: number;
  readonly checkpoint: Uint8Array;
  readonly text: string;
  /** For those who want no entries. */
  readonly event: Uint8Array;
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
  readonly #options: Required<Omit<StreamsOptions, "times">>;
  readonly #times: StreamTimes;
  readonly #entries: EntryEvents;
  readonly #plain: Rounds<Stream>;
  readonly #full: Rounds<Stream>; // with entries
  readonly #closings = new WeakSet<AbortSignal>(); // owned by #listenTo()
  #shown: Shown | undefined; // owned by #look()
  #told: Shown | undefined; // owned by #isDue(): what the last round told
  #sweepAt = 0; // owned by #isDue()

  constructor(options: StreamsOptions) {
    const now = options.now ?? (() => performance.now());
    const times = { ...DEFAULT_STREAM_TIMES, ...options.times };
    this.#options = { ...options, now, random: options.random ?? Math.random };
    this.#times = times;
    this.#entries = new EntryEvents(options.log);
    const rounds = { everyMs: times.lookMs, now };
    this.#plain = new Rounds({
      ...rounds,
      sliceSize: SLICE,
      isDue: () => this.#isDue(),
      visit: async (streams) => {
        for (const stream of streams) this.#tell(stream);
      },
    });
    this.#full = new Rounds({
      ...rounds,
      sliceSize: 1,
      isDue: () => this.#lookForAll() !== undefined,
      visit: async ([stream]) => {
        if (stream !== undefined) await this.#tellEntries(stream);
      },
    });
  }

  /** How many listen. */
  get size(): number {
    return this.#plain.members.size + this.#full.members.size;
  }

  /**
   * Admits a reader.
   * @returns a function that begins its stream.
   * @throws {TlogError} SERVER_BUSY (too many listen already) | LOG_CLOSING | PARAMETER_INVALID (entries from too far back)
   */
  admit({ from, wantsEntries, closing }: Listening): (sink: Sink) => void {
    const { maxStreams, maxEntryStreams, maxEntriesBehind } = this.#options.limits;
    if (closing?.aborted === true) throw new TlogError("LOG_CLOSING", "the log is shutting down");
    const isFull = wantsEntries && this.#full.members.size >= maxEntryStreams;
    if (isFull || this.size >= maxStreams) throw new TlogError("SERVER_BUSY", "as many listen as may");
    const shown = this.#look();
    const oldest = Math.max(0, shown.treeSize - maxEntriesBehind);
    if (wantsEntries && from !== undefined && from < oldest) {
      throw new TlogError(
        "PARAMETER_INVALID",
        `from: want at least ${oldest}, got ${from}; what is older is read as tiles`,
      );
    }
    return (sink) => this.#begin(sink, { from, wantsEntries, closing });
  }

  #begin(sink: Sink, { from, wantsEntries, closing }: Listening): void {
    if (sink.destroyed || closing?.aborted === true) {
      sink.end();
      return;
    }
    const shown = this.#look();
    const { now, random } = this.#options;
    const life = this.#times.maxLifeMs * (1 - random() / 4);
    const isKnown = from !== undefined && from === shown.treeSize;
    const stream: Stream = {
      sink,
      endsAt: now() + life,
      next: from ?? shown.treeSize,
      shown: isKnown ? shown : undefined,
      writtenAt: now(),
      blockedSince: undefined,
    };
    const rounds = wantsEntries ? this.#full : this.#plain;
    sink.once("close", () => rounds.delete(stream));
    if (closing !== undefined) this.#listenTo(closing);
    this.#write(stream, encodeRetry(RETRY_MS.least + Math.floor(RETRY_MS.spread * random())));
    if (!wantsEntries) this.#tell(stream);
    rounds.add(stream);
  }

  /** What is published now: the same object as long as it is the same checkpoint. */
  #look(): Shown {
    const { treeSize, checkpoint } = this.#options.log.published();
    if (this.#shown !== undefined && bytesEqual(this.#shown.checkpoint, checkpoint)) return this.#shown;
    const text = decodeUtf8(checkpoint);
    const event = encodeEvent({ event: "checkpoint", id: treeSize, data: text });
    this.#shown = { treeSize, checkpoint: checkpoint.slice(), text, event };
    return this.#shown;
  }

  /** What cannot be read now is told to nobody: streams are cut, and who comes back is answered what is wrong. */
  #lookForAll(): Shown | undefined {
    try {
      return this.#look();
    } catch (error) {
      this.#options.onError(error);
      for (const { sink } of [...this.#plain.members, ...this.#full.members]) sink.destroy();
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
    const shown = this.#shown;
    if (shown === undefined || !this.#takes(stream)) return;
    if (stream.shown === shown) {
      this.#keepAlive(stream);
      return;
    }
    stream.shown = shown;
    this.#write(stream, shown.event);
  }

  async #tellEntries(stream: Stream): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined || !this.#takes(stream)) return;
    if (stream.shown !== shown) {
      stream.shown = shown;
      // Behind it come the entries it is about: until they have, a reader that comes back wants them again.
      this.#write(stream, encodeEvent({ event: "checkpoint", id: stream.next, data: shown.text }));
    }
    if (stream.next >= shown.treeSize) {
      this.#keepAlive(stream);
      return;
    }
    try {
      const { end, bytes } = await this.#entries.piece({ start: stream.next, end: shown.treeSize });
      stream.next = end;
      this.#write(stream, bytes);
    } catch (error) {
      this.#options.onError(error);
      stream.sink.destroy();
    }
  }

  /** Whether the reader took what was sent; one that has not for too long, or has had its time, is ended. */
  #takes(stream: Stream): boolean {
    const { sink } = stream;
    if (sink.destroyed) return false;
    const now = this.#options.now();
    if (sink.writableNeedDrain) {
      stream.blockedSince ??= now;
      if (now - stream.blockedSince >= this.#times.stalledMs) sink.destroy();
      return false;
    }
    stream.blockedSince = undefined;
    if (now < stream.endsAt) return true;
    this.#end(stream);
    return false;
  }

  #keepAlive(stream: Stream): void {
    if (this.#options.now() - stream.writtenAt >= this.#times.heartbeatMs) this.#write(stream, HEARTBEAT);
  }

  #write(stream: Stream, bytes: Uint8Array): void {
    if (stream.sink.destroyed || stream.sink.writableEnded) return; // Meanwhile: while entries were read.
    stream.writtenAt = this.#options.now();
    stream.sink.write(bytes);
  }

  #end(stream: Stream): void {
    this.#plain.delete(stream);
    this.#full.delete(stream);
    stream.sink.end();
  }

  /** Once for each listener, not for each stream. */
  #listenTo(closing: AbortSignal): void {
    if (this.#closings.has(closing)) return;
    this.#closings.add(closing);
    const endAll = () => {
      for (const stream of [...this.#plain.members, ...this.#full.members]) this.#end(stream);
    };
    closing.addEventListener("abort", endAll, { once: true });
  }
}
