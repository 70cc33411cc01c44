import { Hono } from "hono";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { READ_HEADERS, REVALIDATE } from "./headers.ts";
import { indexFromPath } from "./parameters.ts";
import type { HttpEnv } from "./path.ts";

export const RECEIPT_TYPE = "text/x.tlog.proof";

/** `GET /receipt/<index>`: proof and newest published checkpoint in one file.  c2sp.org/tlog-proof */
export function receiptRoutes(log: Log): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/receipt/:index", async ({ req }) => {
    const receipt = encodeUtf8(await log.receipt(indexFromPath(req.param("index"))));
    return new Response(receipt, {
      headers: {
        ...READ_HEADERS,
        "Content-Type": RECEIPT_TYPE,
        "Content-Length": String(receipt.length),
        "Cache-Control": REVALIDATE,
      },
    });
  });
}

/** Waits for receipts on behalf of writers, a bounded number at a time. */
export class ReceiptWaiter {
  readonly #log: Log;
  readonly #maxWaiting: number;
  #waiting = 0; // owned by receiptWithin()

  constructor(log: Log, options: { readonly maxWaiting: number }) {
    this.#log = log;
    this.#maxWaiting = options.maxWaiting;
  }

  /**
   * @param signals - each ends the wait: the client is gone, the listener closes.
   * @returns the receipt, or undefined when it did not come in time. The entry is durable either way, so a failed wait is
   *   no failure of the request.
   */
  async receiptWithin(wait: {
    readonly leafIndex: number;
    readonly waitMs: number;
    readonly signals: readonly AbortSignal[];
  }): Promise<string | undefined> {
    const { leafIndex, waitMs, signals } = wait;
    if (this.#log.published().treeSize <= leafIndex) {
      if (waitMs === 0 || this.#waiting >= this.#maxWaiting) return undefined;
      const isPublished = await withinLimits({ waitMs, signals }, (signal) => this.#wait(leafIndex, signal));
      if (!isPublished) return undefined;
    }
    return await this.#log.receipt(leafIndex);
  }

  async #wait(leafIndex: number, signal: AbortSignal): Promise<boolean> {
    this.#waiting += 1;
    try {
      await this.#log.untilPublished(leafIndex, { signal });
      return true;
    } catch (error) {
      if (error instanceof TlogError) return false;
      throw error;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/** Runs `action` with a signal that ends it. By hand: AbortSignal.timeout and any() keep a timer or a reference per finished wait. */
async function withinLimits<T>(
  limits: { readonly waitMs: number; readonly signals: readonly AbortSignal[] },
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, limits.waitMs);
  for (const signal of limits.signals) {
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
  }
  try {
    return await action(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of limits.signals) signal.removeEventListener("abort", abort);
  }
}
