import { TlogError } from "../errors.ts";
import type { Log, LogView } from "../log/log.ts";
import type { Exchange, HotRoute } from "./exchange.ts";
import { READ_HEADERS, REVALIDATE } from "./headers.ts";
import { indexFromPath } from "./parameters.ts";

export const RECEIPT_TYPE = "text/x.tlog.proof";

/** `GET /receipt/<index>`: proof and newest published checkpoint in one file.  c2sp.org/tlog-proof */
export function receiptRoute(log: Pick<LogView, "receiptBytes">): HotRoute {
  return {
    method: "GET",
    path: "/receipt/:index",
    async handle({ path }) {
      const receipt = await log.receiptBytes(indexFromPath(path.slice("/receipt/".length)));
      const headers = { ...RECEIPT_HEADERS, "Content-Length": String(receipt.length) };
      return { status: 200, headers, body: receipt };
    },
  };
}

const RECEIPT_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": RECEIPT_TYPE,
  "Cache-Control": REVALIDATE,
} as const;

/** What setTimeout can hold; it fires at once when asked for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A request that waits for its receipt. */
interface Waiting {
  readonly leafIndex: number;
  readonly until: number;
  readonly closing: AbortSignal | undefined;
  readonly resolve: (isPublished: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Waits for receipts on behalf of writers, a bounded number at a time. Of the log all together are one who waits, with one timer: an
 * abort signal and a timer for each request would cost as much as its proof.
 */
export class ReceiptWaiter {
  readonly #log: Log;
  readonly #maxWaiting: number;
  readonly #now: () => number;
  readonly #waiting = new Set<Waiting>(); // owned by #wait() and #end()
  readonly #closings = new WeakSet<AbortSignal>(); // owned by #listenTo()
  #asking: AbortController | undefined; // owned by #ask()
  #timer: { readonly at: number; readonly handle: ReturnType<typeof setTimeout> } | undefined; // owned by #wake() and #end()

  /** @param options.now - milliseconds on a clock that never goes back. Default: performance.now. */
  constructor(log: Log, options: { readonly maxWaiting: number; readonly now?: () => number }) {
    this.#log = log;
    this.#maxWaiting = options.maxWaiting;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * @param wait.exchange - whose client may leave, and whose listener may close: either ends the wait.
   * @returns the receipt's bytes, or undefined when it did not come in time. The entry is durable either way, so a failed wait is
   *   no failure of the request.
   */
  async receiptWithin(wait: {
    readonly leafIndex: number;
    readonly waitMs: number;
    readonly exchange: Pick<Exchange, "signal" | "closing" | "outgoing">;
  }): Promise<Uint8Array | undefined> {
    const { leafIndex, waitMs, exchange } = wait;
    if (this.#log.published().treeSize <= leafIndex) {
      if (waitMs === 0 || this.#waiting.size >= this.#maxWaiting) return undefined;
      if (exchange.closing?.aborted === true) return undefined;
      if (!(await this.#wait(leafIndex, waitMs, exchange))) return undefined;
    }
    return await this.#log.receiptBytes(leafIndex);
  }

  #wait(
    leafIndex: number,
    waitMs: number,
    exchange: Pick<Exchange, "signal" | "closing" | "outgoing">,
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { closing, outgoing } = exchange;
      const waiting = { leafIndex, until: this.#now() + waitMs, closing, resolve, reject };
      const leave = () => this.#end(waiting, false);
      // A socket's signal would be made for this alone.
      const isGone = outgoing === undefined ? exchange.signal.aborted : outgoing.closed;
      if (isGone) {
        resolve(false);
        return;
      }
      this.#waiting.add(waiting);
      if (outgoing !== undefined) outgoing.once("close", leave);
      else exchange.signal.addEventListener("abort", leave, { once: true });
      if (closing !== undefined) this.#listenTo(closing);
      this.#wake(waiting.until);
      if (this.#asking === undefined) void this.#ask();
    });
  }

  /** Until nobody waits. Never rejects. */
  async #ask(): Promise<void> {
    while (this.#waiting.size > 0) {
      const asking = new AbortController();
      this.#asking = asking;
      try {
        // Leaves from here on are not published: whoever waits for one waits at least for the next publication.
        const { treeSize } = this.#log.published();
        this.#endPublished(treeSize);
        if (this.#waiting.size === 0) break;
        this.#endPublished((await this.#log.untilPublished(treeSize, { signal: asking.signal })).treeSize);
      } catch (error) {
        // Nobody waited any more, and whoever has come since waits on.
        if (!asking.signal.aborted) this.#endAll(error);
      }
    }
    this.#asking = undefined;
  }

  #endPublished(treeSize: number): void {
    for (const waiting of this.#waiting) if (waiting.leafIndex < treeSize) this.#end(waiting, true);
  }

  /** The log says that no more is published. What has no code of ours is a failure of the request. */
  #endAll(error: unknown): void {
    for (const waiting of this.#waiting) {
      if (!(error instanceof TlogError)) waiting.reject(error);
      this.#end(waiting, false);
    }
  }

  #end(waiting: Waiting, isPublished: boolean): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.resolve(isPublished);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#timer?.handle);
    this.#timer = undefined;
    if (!isPublished) this.#asking?.abort();
  }

  /** Once for each listener, not for each request. */
  #listenTo(closing: AbortSignal): void {
    if (this.#closings.has(closing)) return;
    this.#closings.add(closing);
    const endAll = () => {
      for (const waiting of this.#waiting) if (waiting.closing === closing) this.#end(waiting, false);
    };
    closing.addEventListener("abort", endAll, { once: true });
  }

  /** Sees to it that there is a timer for the first of the deadlines. */
  #wake(at: number): void {
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    clearTimeout(this.#timer?.handle);
    const inMs = Math.min(Math.max(0, Math.ceil(at - this.#now())), MAX_TIMER_MS);
    const handle = setTimeout(() => this.#endLate(), inMs);
    this.#timer = { at, handle };
  }

  #endLate(): void {
    this.#timer = undefined;
    const now = this.#now();
    let next = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      if (waiting.until <= now) this.#end(waiting, false);
      else next = Math.min(next, waiting.until);
    }
    if (next < Number.POSITIVE_INFINITY) this.#wake(next);
  }
}
