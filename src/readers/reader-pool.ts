/** The writer's side of its readers: starts them, starts them again, and ends them. */
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { TlogError } from "../errors.ts";
import type { ReaderEvents } from "../events.ts";
import type { WriteToken } from "../http/write-tokens.ts";
import type { WithheldRange } from "../log/withheld.ts";
import { messageOf } from "../node/errno.ts";
import type { LogLevel } from "../telemetry/log-level.ts";
import { type FromReader, isFromReader, type ReaderStart, type ToReader } from "./messages.ts";
import type { PoolFull } from "./turned-away.ts";

export interface ReaderPoolOptions {
  readonly count: number;
  /** Asked each time a reader is started: who may write may change. */
  readonly start: () => ReaderStart;
  /** What readers are to log now. */
  readonly logLevel: () => LogLevel | undefined;
  readonly events: ReaderEvents;
  /** A reader turned entries away. */
  readonly onPoolFull: (event: Omit<PoolFull, "kind">) => void;
  /** A reader answered requests: RequestTally.changes. */
  readonly onRequests: (changes: readonly number[]) => void;
  /** A reader's request ended in an answer of 500, or in none. */
  readonly onRequestFailed: (failure: Extract<FromReader, { readonly kind: "requestFailed" }>) => void;
}

/** How long a reader may take until it listens. */
const START_MS = 30_000;
/** A reader that left this many pings unanswered hangs, and is killed. Counted, not timed: a machine may sleep. */
const MAX_UNANSWERED = 5;
const PING_MS = 2_000;
/** Before a reader is started again: doubled each time, from the first on anew once one has lived for a while. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;
const LIVED_MS = 30_000;
/** After the deadline: more than HeldLines.end takes. */
const LAST_LINES_MS = 3000;
/** What is kept of what a reader wrote to stderr, to say why it ended. */
const MAX_LAST_WORDS = 2_000;

interface Reader {
  readonly worker: Worker;
  readonly pid: number;
  readonly startedAtMs: number;
  /** Resolves with how its process ended, or why there never was one. */
  readonly gone: Promise<string>;
  isStarted: boolean; // owned by #hear(): it was told what to do
  isListening: boolean; // owned by #hear()
  unanswered: number; // owned by #ping() and #hear()
  streams: number; // owned by #hear(): answers of it that go on
  lastWords: string; // owned by #start()
}

export class ReaderPool {
  readonly #options: ReaderPoolOptions;
  readonly #readers = new Set<Reader>(); // owned by #start()
  readonly #retries = new Set<NodeJS.Timeout>(); // owned by #startAgain()
  readonly #pings: NodeJS.Timeout;
  #failures = 0; // owned by #startAgain(): in a row
  #isClosing = false; // owned by close()

  private constructor(options: ReaderPoolOptions) {
    this.#options = options;
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#pings.unref();
  }

  /** Resolves when all listen. @throws {TlogError} why the first that could not start could not: LISTEN_FAILED | STORE_FAILED | … */
  static async open(options: ReaderPoolOptions): Promise<ReaderPool> {
    useCluster();
    const pool = new ReaderPool(options);
    try {
      await Promise.all(Array.from({ length: options.count }, () => pool.#start()));
    } catch (error) {
      await pool.close({ deadlineMs: 0 });
      throw error;
    }
    return pool;
  }

  /** How many readers listen. */
  get up(): number {
    return [...this.#readers].filter(({ isListening }) => isListening).length;
  }

  /** Answers of readers that go on, as they last said. */
  get streams(): number {
    return [...this.#readers].reduce((sum, { streams }) => sum + streams, 0);
  }

  /** Readers finish what is under way; those that have not by the deadline are killed. Idempotent. */
  async close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#pings);
    for (const retry of this.#retries) clearTimeout(retry);
    const gone = [...this.#readers].map((reader) => reader.gone);
    for (const { worker, isListening } of this.#readers) {
      if (isListening) tell(worker, { kind: "drain", deadlineMs });
      else worker.process.kill("SIGKILL");
    }
    // They keep the deadline themselves, unless they hang; then their last lines have a while.
    const late = setTimeout(() => this.#killAll(), deadlineMs + LAST_LINES_MS);
    await Promise.all(gone).finally(() => clearTimeout(late));
  }

  /** Only these may write from now on. */
  replaceTokens(tokens: readonly WriteToken[]): void {
    for (const { worker, isStarted } of this.#readers)
      if (isStarted) tell(worker, { kind: "tokens", tokens });
  }

  /** What is wrong on the disk now. */
  withhold(ranges: readonly WithheldRange[]): void {
    for (const { worker, isStarted } of this.#readers)
      if (isStarted) tell(worker, { kind: "withheld", ranges });
  }

  #killAll(): void {
    for (const { worker } of this.#readers) worker.process.kill("SIGKILL");
  }

  /** Resolves when the reader listens; afterwards its end is seen to here. */
  async #start(): Promise<void> {
    const worker = cluster.fork();
    const reader: Reader = {
      worker,
      pid: worker.process.pid ?? 0,
      startedAtMs: performance.now(),
      gone: endOf(worker),
      isStarted: false,
      isListening: false,
      unanswered: 0,
      streams: 0,
      lastWords: "",
    };
    this.#readers.add(reader);
    worker.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      reader.lastWords = `${reader.lastWords}${text}`.slice(-MAX_LAST_WORDS);
    });
    const late = setTimeout(() => worker.process.kill("SIGKILL"), START_MS);
    const started = new Promise<void>((resolve, reject) => {
      worker.on("message", (message: unknown) => {
        if (!isFromReader(message)) return;
        if (message.kind === "listening") resolve();
        if (message.kind === "failed") reject(new TlogError(message.code, message.message));
        this.#hear(reader, message);
      });
      void reader.gone.then((end) => {
        clearTimeout(late);
        this.#readers.delete(reader);
        const message = withLastWords(end, reader);
        reject(new TlogError("STORE_FAILED", `a reader ended at its start: ${message}`));
        if (reader.isListening) this.#ended(reader, message);
      });
    });
    try {
      await started;
      this.#options.events.readerStarted?.({ pid: reader.pid });
    } catch (error) {
      worker.process.kill("SIGKILL");
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  #hear(reader: Reader, message: FromReader): void {
    if (message.kind === "ready") {
      reader.isStarted = true;
      tell(reader.worker, { kind: "start", start: this.#options.start() });
    }
    if (message.kind === "listening") reader.isListening = true;
    if (message.kind === "pong") {
      reader.unanswered = 0;
      if (message.requests !== undefined) this.#options.onRequests(message.requests);
      reader.streams = message.streams ?? 0;
    }
    if (message.kind === "poolFull") {
      const { count, pendingEntries, pendingBytes } = message;
      this.#options.onPoolFull({ count, pendingEntries, pendingBytes });
    }
    if (message.kind === "requestFailed") this.#options.onRequestFailed(message);
  }

  #ping(): void {
    for (const reader of this.#readers) {
      if (!reader.isListening) continue;
      if (reader.unanswered >= MAX_UNANSWERED) {
        reader.lastWords = "it hung, and was killed";
        reader.worker.process.kill("SIGKILL");
      } else {
        reader.unanswered += 1;
        tell(reader.worker, { kind: "ping", logLevel: this.#options.logLevel() });
      }
    }
  }

  #ended(reader: Reader, message: string): void {
    if (this.#isClosing) return;
    this.#options.events.readerEnded?.({ pid: reader.pid, message });
    this.#startAgain(performance.now() - reader.startedAtMs);
  }

  #startAgain(livedMs: number): void {
    if (this.#isClosing) return;
    if (livedMs > LIVED_MS) this.#failures = 0;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS);
    this.#failures += 1;
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      this.#start().catch((error: unknown) => {
        if (this.#isClosing) return;
        this.#options.events.readerEnded?.({ pid: 0, message: messageOf(error) });
        this.#startAgain(0);
      });
    }, waitMs);
    this.#retries.add(retry);
  }
}

/**
 * All readers accept from one socket: round robin would have the writer accept for them (145 µs of its time a connection,
 * spec/decisions/0029), which is as much as an answer costs.
 */
function useCluster(): void {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(READER_PROGRAM, import.meta.url)),
    args: [],
    // Their log lines go where this process's do; what they say on stderr is said here, as the reason of their end.
    stdio: ["ignore", 2, "pipe", "ipc"],
  });
}

/** Beside this file, built or not. */
const READER_PROGRAM = import.meta.url.endsWith(".ts") ? "./reader-process.ts" : "./reader-process.js";

function tell(worker: Worker, message: ToReader): void {
  // A reader that is gone hears nothing, and "exit" says so.
  if (worker.isConnected()) worker.send(message, () => {});
}

/** "exit code 1", "SIGKILL", "spawn /usr/bin/node ENOENT" */
function endOf(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.once("exit", (code: number | null, signal: string | null) =>
      resolve(signal ?? `exit code ${code}`),
    );
    worker.on("error", (error) => {
      if (worker.process.pid !== undefined) return; // "exit" follows.
      delete cluster.workers?.[worker.id]; // Done by cluster only at "exit", which never comes.
      resolve(messageOf(error));
    });
  });
}

/** "exit code 1: Error: …" */
function withLastWords(end: string, { lastWords }: Reader): string {
  return lastWords === "" ? end : `${end}: ${lastWords.trim()}`;
}
