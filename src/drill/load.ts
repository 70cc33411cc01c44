/** Entries that the original never had, writers that append them, and what they were told. */
import type { AppendedEntry, LogClient } from "../../client/index.ts";
import { throwIfAborted } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import { bytesEqual, encodeUtf8 } from "../tlog/encoding.ts";

const ENTRY_BYTES = 256;

/** Makes entries, each another one. */
export class Entries {
  readonly #tag: string;
  #made = 0; // owned by next()

  constructor(tag: string) {
    this.#tag = tag;
  }

  next(bytes = ENTRY_BYTES): Uint8Array {
    this.#made += 1;
    return encodeUtf8(`drill ${this.#tag} ${this.#made} `.padEnd(bytes, "."));
  }
}

/** What is read of a log; `LogClient` does it, and verifies. */
export interface ReadLog {
  checkpoint(options: { readonly signal: AbortSignal }): Promise<{ readonly treeSize: number }>;
  entries(range: {
    readonly start: number;
    readonly end: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<{ readonly leafIndex: number; readonly entry: Uint8Array }>;
}

/** What a log answered, to be held against what it keeps. */
export class Ledger {
  readonly #answered = new Map<number, Uint8Array>(); // owned by answered()
  #checked = 0; // owned by check(): entries that were found again
  #twice: number | undefined; // owned by answered()

  get size(): number {
    return this.#answered.size;
  }

  answered(leafIndex: number, entry: Uint8Array): void {
    if (this.#answered.has(leafIndex)) this.#twice ??= leafIndex;
    this.#answered.set(leafIndex, entry);
  }

  /**
   * Reads the log from its leaf `start` on, each entry held against the signed head.
   * @returns how many answered entries are not where they were said to be, and how many leaves were never answered to anybody.
   */
  async check(
    log: ReadLog,
    { start, signal }: { readonly start: number; readonly signal: AbortSignal },
  ): Promise<{ readonly lost: number; readonly extra: number; readonly treeSize: number }> {
    let found = 0;
    let extra = 0;
    const { treeSize } = await covering(log, Math.max(0, ...this.#answered.keys()) + 1, signal);
    if (treeSize > start) {
      for await (const { leafIndex, entry } of log.entries({ start, end: treeSize, signal })) {
        const wanted = this.#answered.get(leafIndex);
        if (wanted === undefined) extra += 1;
        else if (bytesEqual(wanted, entry)) found += 1;
      }
    }
    this.#checked = found;
    return { lost: this.#answered.size - found + (this.#twice === undefined ? 0 : 1), extra, treeSize };
  }

  get checked(): number {
    return this.#checked;
  }
}

const COVERED_WITHIN_MS = 30_000;

/** The first head that covers so many leaves; it has to come within a bounded time once they were answered. */
async function covering(log: ReadLog, size: number, signal: AbortSignal) {
  const deadline = performance.now() + COVERED_WITHIN_MS;
  for (;;) {
    const head = await log.checkpoint({ signal });
    if (head.treeSize >= size || size === 1) return head;
    if (performance.now() > deadline) {
      throw new TlogError(
        "CHECKUP_FAILED",
        `no checkpoint of ${size} entries within ${COVERED_WITHIN_MS / 1000} s, the last is of ${head.treeSize}`,
      );
    }
    await pause(20, signal);
  }
}

export interface Writers {
  /** Entries that were sent and not answered. */
  readonly inFlight: () => number;
  /** Resolves when all have stopped. */
  stop(): Promise<void>;
}

/** Appends with so many writers at once, until one is refused or stopped. */
export function startWriters(
  log: LogClient,
  args: {
    readonly entries: Entries;
    readonly ledger: Ledger;
    readonly count: number;
    readonly signal: AbortSignal;
  },
): Writers {
  const { entries, ledger, count, signal } = args;
  let isStopped = false; // owned by stop()
  let inFlight = 0; // owned by write()
  const write = async (): Promise<void> => {
    while (!isStopped && !signal.aborted) {
      const entry = entries.next();
      inFlight += 1;
      const added = await log.append(entry, { signal }).catch(refused);
      inFlight -= 1;
      if (added === undefined) return;
      ledger.answered(added.leafIndex, entry);
    }
  };
  const all = Promise.all(Array.from({ length: count }, write));
  // Whoever stops them hears of it.
  all.catch(() => undefined);
  return {
    inFlight: () => inFlight,
    async stop() {
      isStopped = true;
      await all;
    },
  };
}

/** A server that dies, or is full, ends its writers. */
function refused(error: unknown): AppendedEntry | undefined {
  if (error instanceof TlogError) return undefined;
  throw error;
}

/** Tries until an entry is taken. @throws what the last attempt threw, after `withinMs` */
export async function untilAdded(
  log: LogClient,
  args: {
    readonly entries: Entries;
    readonly ledger: Ledger;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { entries, ledger, withinMs, signal } = args;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const entry = entries.next();
    try {
      const { leafIndex } = await log.append(entry, { signal });
      ledger.answered(leafIndex, entry);
      return;
    } catch (error) {
      if (!(error instanceof TlogError) || performance.now() > deadline) throw error;
      await pause(20, signal);
    }
  }
}

/** @throws {TlogError} ABORTED */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
  throwIfAborted(signal);
}
