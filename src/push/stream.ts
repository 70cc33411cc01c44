import { encodeEvent, HEARTBEAT } from "./event-text.ts";
import type { Shown } from "./shown.ts";

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

export interface StreamOptions {
  readonly sink: Sink;
  /** Whose it is: {@link networkOf} its address. */
  readonly network: string;
  /** The first leaf to be told. */
  readonly next: number;
  /** What the reader has. */
  readonly shown: Shown | undefined;
  readonly lifeMs: number;
  readonly times: StreamTimes;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Told once, when the stream is over, whoever ended it. */
  readonly onEnd: (stream: Stream) => void;
}

/** One reader's stream. It has no queue: whoever tells it asks first whether its reader takes something. */
export class Stream {
  readonly network: string;
  /** The first leaf to be told. */
  next: number; // owned by EntryStreams
  readonly #options: StreamOptions;
  readonly #endsAt: number;
  #shown: Shown | undefined; // owned by show()
  #writtenAt: number; // owned by write()
  #blockedSince: number | undefined; // owned by takes()
  #isOver = false; // owned by #leave()

  constructor(options: StreamOptions) {
    this.#options = options;
    this.network = options.network;
    this.next = options.next;
    this.#shown = options.shown;
    this.#writtenAt = options.now();
    this.#endsAt = this.#writtenAt + options.lifeMs;
    options.sink.once("close", () => this.#leave());
  }

  /** It ended, or its reader left. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the reader took what was sent; one that has not for too long, or has had its time, is ended. */
  takes(): boolean {
    const { sink, now, times } = this.#options;
    if (this.#isOver || sink.destroyed) return false;
    const at = now();
    if (sink.writableNeedDrain) {
      this.#blockedSince ??= at;
      if (at - this.#blockedSince >= times.stalledMs) sink.destroy();
      return false;
    }
    this.#blockedSince = undefined;
    if (at < this.#endsAt) return true;
    this.end();
    return false;
  }

  /**
   * Tells a checkpoint, once. @param id - where to go on: with entries they come behind it, and until they have, a reader that comes back
   * wants them again. @returns whether it was new to the reader.
   */
  show(shown: Shown, id?: number): boolean {
    if (this.#shown === shown) return false;
    this.#shown = shown;
    this.write(id === undefined ? shown.event : encodeEvent({ event: "checkpoint", id, data: shown.text }));
    return true;
  }

  keepAlive(): void {
    const { now, times } = this.#options;
    if (now() - this.#writtenAt >= times.heartbeatMs) this.write(HEARTBEAT);
  }

  write(bytes: Uint8Array): void {
    const { sink, now } = this.#options;
    if (sink.destroyed || sink.writableEnded) return; // Meanwhile: while entries were read.
    this.#writtenAt = now();
    sink.write(bytes);
  }

  end(): void {
    this.#leave();
    this.#options.sink.end();
  }

  /** Without an end that could be taken for one. */
  cut(): void {
    this.#options.sink.destroy();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onEnd(this);
  }
}
