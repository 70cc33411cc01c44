import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { TlogError } from "../errors.ts";
import type { BatchMatcher, EntryVerdict, SeenEntry, Verdict } from "../monitor/matchers.ts";
import { GrowingBytes } from "../tlog/growing-bytes.ts";
import { messageOf } from "./errno.ts";

/** What a thread is given at its start. */
export interface MatcherThread {
  /** Of the module. */
  readonly url: string;
  /** One 32-bit integer: which entry of the batch is looked at. */
  readonly progress: SharedArrayBuffer;
}

/** What it is asked. */
export interface MatcherBatch {
  readonly origin: string;
  readonly leafIndices: readonly number[];
  /** All entries, one after the other, and where each ends: one array is sent for less than hundreds are. */
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
  /** 32 bytes each. */
  readonly leafHashes: Uint8Array;
  /** Those before were looked at. */
  readonly from: number;
}

/** What it answers: of a batch only what is not a plain no, then that it is done. */
export type MatcherAnswer =
  | { readonly kind: "ready" | "done" }
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "found"; readonly index: number; readonly verdict: Verdict }
  | { readonly kind: "failed"; readonly index: number; readonly reason: string };

export interface MatcherLimits {
  /** For one entry. Default 10 s. */
  readonly timeoutMs?: number;
  /** After so many deaths in a row it is left alone for a while. Default 3. */
  readonly maxDeaths?: number;
  /** How long. Default 5 minutes. */
  readonly restMs?: number;
  readonly now?: () => number;
}

const START_MS = 30_000;
/** Of the module's own memory. */
const MAX_HEAP_MB = 512;

/**
 * A matcher that somebody wrote: a module that exports `match({ origin, leafIndex, entry, leafHash, json })`, which returns true or words for a
 * match, false or nothing for none, or a promise of it. It runs with all rights of this process, in a thread of its own: an endless loop, a
 * crash or a full memory ends that thread, is told of the entry it was at, and the next one is shown to a new thread.
 * @throws {TlogError} CONFIG_INVALID
 */
export async function loadMatcherModule(
  name: string,
  path: string,
  limits: MatcherLimits = {},
): Promise<BatchMatcher> {
  const host = new MatcherHost(pathToFileURL(path).href, limits);
  try {
    await host.start();
  } catch (cause) {
    throw new TlogError("CONFIG_INVALID", `${path}: ${messageOf(cause)}`, { cause });
  }
  return { name, matchAll: (entries, signal) => host.matchAll(entries, signal) };
}

class MatcherHost {
  readonly #url: string;
  readonly #limits: Required<MatcherLimits>;
  readonly #progress = new SharedArrayBuffer(4);
  #worker: Worker | undefined; // owned by start() and #exchange()
  #deaths = 0; // in a row; owned by #matchAll()
  #restsUntilMs = 0; // owned by #matchAll()
  #turn: Promise<unknown> = Promise.resolve(); // owned by matchAll()

  constructor(
    url: string,
    { timeoutMs = 10_000, maxDeaths = 3, restMs = 300_000, now = Date.now }: MatcherLimits,
  ) {
    this.#url = url;
    this.#limits = { timeoutMs, maxDeaths, restMs, now };
  }

  /** @throws {Error} saying why the module is of no use */
  async start(signal?: AbortSignal): Promise<void> {
    const workerData: MatcherThread = { url: this.#url, progress: this.#progress };
    const worker = new Worker(new URL("./matcher-worker.js", import.meta.url), {
      workerData,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    this.#worker = worker;
    const outcome = await this.#until(worker, { timeoutMs: START_MS, signal }, (answer) =>
      answer.kind === "ready" ? "" : answer.kind === "unusable" ? answer.reason : undefined,
    );
    if (outcome === "") return;
    await this.#end();
    throw new TlogError("INCOMPLETE", outcome);
  }

  /** One batch at a time. */
  matchAll(entries: readonly SeenEntry[], signal: AbortSignal): Promise<readonly EntryVerdict[]> {
    const matched = this.#turn.then(() => this.#matchAll(entries, signal));
    this.#turn = matched.catch(() => undefined);
    return matched;
  }

  async #matchAll(entries: readonly SeenEntry[], signal: AbortSignal): Promise<readonly EntryVerdict[]> {
    const verdicts = entries.map((): EntryVerdict => ({ verdict: false }));
    for (let from = 0; from < entries.length; ) {
      if (this.#limits.now() < this.#restsUntilMs) return verdicts.fill("unseen", from);
      const death = await this.#exchange(entries, { from, signal }, verdicts);
      if (signal.aborted) throw new TlogError("ABORTED", "a matcher was interrupted");
      if (death === undefined) {
        this.#deaths = 0;
        break;
      }
      const at = Math.max(from, new Int32Array(this.#progress)[0] ?? from);
      verdicts[at] = { failure: death };
      from = at + 1;
      this.#deaths += 1;
      if (this.#deaths < this.#limits.maxDeaths) continue;
      this.#deaths = 0;
      this.#restsUntilMs = this.#limits.now() + this.#limits.restMs;
    }
    return verdicts;
  }

  /** @returns why the thread ended before it was done; undefined: it is done. */
  async #exchange(
    entries: readonly SeenEntry[],
    { from, signal }: { readonly from: number; readonly signal: AbortSignal },
    verdicts: EntryVerdict[],
  ): Promise<string | undefined> {
    Atomics.store(new Int32Array(this.#progress), 0, from);
    try {
      if (this.#worker === undefined) await this.start(signal);
    } catch (error) {
      return messageOf(error);
    }
    const worker = this.#worker;
    if (worker === undefined) return "it does not start";
    worker.postMessage(batchOf(entries, from));
    const outcome = await this.#until(worker, { timeoutMs: this.#limits.timeoutMs, signal }, (answer) => {
      if (answer.kind === "done") return "";
      if (answer.kind === "found") verdicts[answer.index] = { verdict: answer.verdict };
      if (answer.kind === "failed") verdicts[answer.index] = { failure: answer.reason };
      return undefined;
    });
    if (outcome === "") return undefined;
    await this.#end();
    return outcome;
  }

  /**
   * Waits while the thread gets on, and holds the process as long as it does.
   * @param judge - what an answer ends the waiting with; undefined: nothing.
   * @returns that, or why the thread ended, or that it hangs.
   */
  #until(
    worker: Worker,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
    judge: (answer: MatcherAnswer) => string | undefined,
  ): Promise<string> {
    const progress = new Int32Array(this.#progress);
    return new Promise((resolve) => {
      let before = -1; // owned by the timer
      let crash = ""; // owned by onError
      // An entry has this long, and at most twice as long.
      const timer = setInterval(() => {
        const now = Atomics.load(progress, 0);
        if (now === before) settle(`no answer within ${timeoutMs} ms`);
        before = now;
      }, timeoutMs);
      const onMessage = (answer: MatcherAnswer): void => {
        const outcome = judge(answer);
        if (outcome !== undefined) settle(outcome);
      };
      const onError = (error: unknown): void => {
        crash = messageOf(error);
      };
      const onExit = (code: number): void => settle(crash === "" ? `it ended its thread (${code})` : crash);
      const onAbort = (): void => settle("it was interrupted");
      const settle = (outcome: string): void => {
        clearInterval(timer);
        signal?.removeEventListener("abort", onAbort);
        worker.off("message", onMessage).off("error", onError).off("exit", onExit).unref();
        resolve(outcome);
      };
      worker.on("message", onMessage).on("error", onError).on("exit", onExit).ref();
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted === true) onAbort();
    });
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    // What a thread throws while it is ended has no listener left.
    worker?.on("error", () => undefined);
    await worker?.terminate();
  }
}

function batchOf(entries: readonly SeenEntry[], from: number): MatcherBatch {
  const [bytes, leafHashes] = [new GrowingBytes(), new GrowingBytes()];
  const ends = entries.map(({ entry, leafHash }) => {
    leafHashes.append(leafHash);
    bytes.append(entry);
    return bytes.length;
  });
  const leafIndices = entries.map(({ leafIndex }) => leafIndex);
  const origin = entries[0]?.origin ?? "";
  return { origin, leafIndices, bytes: bytes.bytes(), ends, leafHashes: leafHashes.bytes(), from };
}
