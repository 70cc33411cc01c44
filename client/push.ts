/** Being told of new checkpoints over GET /events: spec/push.md. A part of tail.ts: as little as that it imports anything of the client. */
import { eventParser } from "./event-parser.ts";
import type { Fetcher, TimeLimit } from "./fetcher.ts";

/** What a log tells while somebody follows it. What it told is believed no more than what it is asked for. */
export interface Push {
  /** The log keeps a stream open, and tells by itself what is new. */
  readonly isLive: boolean;
  /** Resolves once there is something to take, or a reason to ask: the stream is over, or the log was not asked for long. Never rejects. */
  news(): Promise<void>;
  /** The newest signed note that was told and not taken yet; undefined: the log is to be asked now. */
  take(): Uint8Array | undefined;
}

export interface PushOptions {
  readonly fetcher: Fetcher;
  /** The size that is known: no need to be told of it. */
  readonly knownSize: () => number | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** For a stream on which nothing comes. */
  readonly late: TimeLimit["late"];
}

/** A note of 64 KiB, and as much again for what precedes its lines. */
const MAX_EVENT_CHARS = 131_072;
/** A log says that it is there every 15 seconds. */
const SILENCE_MS = 45_000;
/** How long the first byte may take: longer, and something on the way holds back what comes. */
const BEGIN_MS = 30_000;
/** So long is what a stream tells all that is looked at: something on the way may tell the past again and again, rightly signed. */
const CHECK_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 300_000;
/** A stream that lasted so long was no failure. */
const LASTED_MS = 30_000;

/** Listens in the background until the signal aborts, or the log says that it has no such thing. */
export function listen(options: PushOptions): Push {
  const listener = new Listener(options);
  listener.run().catch(() => {}); // The signal aborted a pause.
  return listener;
}

class Listener implements Push {
  readonly #options: PushOptions;
  #note: Uint8Array | undefined; // owned by #read() and take()
  #isLive = false; // owned by run() and #read()
  #wake = (): void => {}; // owned by news()
  #askedAt: number; // owned by take()

  constructor(options: PushOptions) {
    this.#options = options;
    this.#askedAt = options.fetcher.now();
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#note !== undefined || !this.#isLive) resolve();
    });
  }

  take(): Uint8Array | undefined {
    const note = this.#isCheckDue() ? undefined : this.#note;
    this.#note = undefined;
    if (note === undefined) this.#askedAt = this.#options.fetcher.now();
    return note;
  }

  #isCheckDue(): boolean {
    return this.#options.fetcher.now() - this.#askedAt >= CHECK_MS;
  }

  async run(): Promise<void> {
    const { fetcher, signal } = this.#options;
    for (let failures = 0; ; failures++) {
      const startedAt = fetcher.now();
      const isRefused = await this.#hear().catch(() => false);
      this.#isLive = false;
      this.#wake();
      if (isRefused || signal.aborted) return;
      if (fetcher.now() - startedAt >= LASTED_MS) failures = 0;
      const ceiling = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
      await fetcher.pause(Math.ceil((ceiling * (1 + fetcher.random())) / 2), signal);
    }
  }

  /** One stream, to its end. @returns whether there is no use in asking again. */
  async #hear(): Promise<boolean> {
    const { fetcher, signal, knownSize } = this.#options;
    const connection = new AbortController();
    const end = (): void => connection.abort();
    signal.addEventListener("abort", end);
    try {
      const size = knownSize();
      const path = size === undefined ? "events" : `events?from=${size}`;
      const headers = { accept: "text/event-stream" };
      const opening = () => fetcher.open({ path, headers, signal: connection.signal });
      const { status, headers: said, body } = await this.#within(BEGIN_MS, opening);
      const isStream = /^text\/event-stream *(;|$)/i.test(said.get("content-type") ?? "");
      if (status !== 200 || !isStream || body === null) return status < 500 && status !== 429;
      return await this.#read(body.getReader());
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  }

  /** As {@link Listener.#hear}. */
  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<boolean> {
    const parse = eventParser(MAX_EVENT_CHARS);
    for (;;) {
      const limitMs = this.#isLive ? SILENCE_MS : BEGIN_MS;
      const { done, value } = await this.#within(limitMs, () => reader.read());
      if (done) return false;
      const events = parse(value);
      if (events === undefined) return true;
      this.#isLive = true;
      const newest = events.findLast(({ type }) => type === "checkpoint");
      if (newest !== undefined) this.#note = new TextEncoder().encode(newest.data);
      if (newest !== undefined || this.#isCheckDue()) this.#wake();
    }
  }

  #within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const { fetcher, late, signal } = this.#options;
    return fetcher.within({ timeoutMs, late, signal }, work);
  }
}
