import type { EntryEvents, Piece } from "./entry-events.ts";
import { Rounds, type WorkClock } from "./rounds.ts";
import type { Shown } from "./shown.ts";
import type { Stream } from "./stream.ts";

export interface EntryStreamsOptions {
  readonly entries: EntryEvents;
  /** What is published; undefined: it cannot be read, and streams were cut. */
  readonly look: () => Shown | undefined;
  readonly onError: (error: unknown) => void;
  readonly lookMs: number;
  readonly clock: WorkClock;
}

/** Writes of one piece to sockets: some milliseconds. */
const SLICE = 32;
/** The shortest time between two pieces while there is more to tell. */
const NEXT_PIECE_MS = 10;

/**
 * Streams with entries, in two parts whose rounds have a tenth of the event loop each. Those that know all up to the **front** are told
 * what comes behind it: each piece is made once for all of them, and the front moves on. Those that are further behind catch up one piece
 * each, by turns of their networks, with what is left of their own tenth: however many they are, who listens at the front does not wait for them.
 */
export class EntryStreams {
  readonly #options: EntryStreamsOptions;
  readonly #live: Rounds<Stream>;
  readonly #behind: Rounds<Stream>;
  #front = 0; // owned by #isLive() and #beginLive(): no live stream is to be told a leaf before it
  #piece: Piece | undefined; // owned by #beginLive(): what this round tells the live ones

  constructor(options: EntryStreamsOptions) {
    this.#options = options;
    const { clock, lookMs } = options;
    const soonMs = Math.min(NEXT_PIECE_MS, lookMs);
    this.#live = new Rounds({
      clock,
      sliceSize: SLICE,
      everyMs: () => (this.#piece === undefined ? lookMs : soonMs),
      begin: (streams) => this.#beginLive(streams),
      visit: (streams) => {
        for (const stream of streams) this.#tellLive(stream);
      },
    });
    this.#behind = new Rounds({
      clock,
      sliceSize: 1,
      everyMs: () => soonMs,
      begin: (streams) => this.#oneOfEach(streams),
      visit: async ([stream]) => {
        if (stream !== undefined) await this.#catchUp(stream);
      },
    });
  }

  add(stream: Stream, { treeSize }: Shown): void {
    (this.#isLive(stream, treeSize) ? this.#live : this.#behind).add(stream);
  }

  delete(stream: Stream): void {
    this.#live.delete(stream);
    this.#behind.delete(stream);
  }

  /** While nobody is live the front is where the log is. */
  #isLive({ next }: Stream, treeSize: number): boolean {
    if (this.#live.members.size === 0) this.#front = treeSize;
    return next >= this.#front;
  }

  async #beginLive(streams: ReadonlySet<Stream>): Promise<readonly Stream[] | undefined> {
    this.#piece = undefined;
    const shown = this.#options.look();
    if (shown === undefined) return undefined;
    const start = this.#front;
    if (start < shown.treeSize) {
      this.#piece = await this.#pieceOf(start, shown, () => streams);
      if (this.#piece === undefined) return undefined;
      this.#front = this.#piece.end;
    }
    return [...streams];
  }

  #tellLive(stream: Stream): void {
    const shown = this.#options.look();
    if (shown === undefined) return;
    const piece = this.#piece;
    if (stream.takes()) {
      stream.show(shown, stream.next);
      if (piece === undefined || stream.next >= piece.end) stream.keepAlive();
      else this.#write(stream, piece);
    }
    if (stream.next >= this.#front) return;
    // Its reader is slow: the others do not wait for it.
    this.#live.delete(stream);
    if (!stream.isOver) this.#behind.add(stream);
  }

  /** One of each network that takes something: however many one has, they share its turns. Who was chosen goes to the end. */
  #oneOfEach(streams: ReadonlySet<Stream>): readonly Stream[] {
    const chosen = new Map<string, Stream>();
    for (const stream of [...streams]) {
      if (!stream.takes()) continue;
      stream.keepAlive();
      if (!chosen.has(stream.network)) chosen.set(stream.network, stream);
    }
    for (const stream of chosen.values()) {
      this.#behind.delete(stream);
      this.#behind.add(stream);
    }
    return [...chosen.values()];
  }

  async #catchUp(stream: Stream): Promise<void> {
    const shown = this.#options.look();
    if (shown === undefined || !stream.takes()) return;
    stream.show(shown, stream.next);
    const piece = await this.#pieceOf(stream.next, shown, () => [stream]);
    if (piece === undefined || stream.isOver) return;
    this.#write(stream, piece);
    if (!this.#isLive(stream, shown.treeSize)) return;
    this.#behind.delete(stream);
    this.#live.add(stream);
  }

  /** @returns undefined when they could not be read: then those who want them are cut. */
  async #pieceOf(
    start: number,
    { treeSize }: Shown,
    wantedBy: () => Iterable<Stream>,
  ): Promise<Piece | undefined> {
    try {
      return await this.#options.entries.piece({ start, end: treeSize });
    } catch (error) {
      this.#options.onError(error);
      for (const stream of [...wantedBy()]) stream.cut();
      return undefined;
    }
  }

  #write(stream: Stream, piece: Piece): void {
    stream.write(piece.from(stream.next));
    stream.next = piece.end;
  }
}
