import { TlogError } from "../errors.ts";
import type { Log, LogView } from "../log/log.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { HotRoute } from "./exchange.ts";
import { READ_HEADERS, REVALIDATE } from "./headers.ts";
import { indexFromPath } from "./parameters.ts";

export const RECEIPT_TYPE = "text/x.tlog.proof";

/** `GET /receipt/<index>`: proof and newest published checkpoint in one file.  c2sp.org/tlog-proof */
export function receiptRoute(log: Pick<LogView, "published" | "proveInclusion" | "receipt">): HotRoute {
  return {
    method: "GET",
    path: "/receipt/:index",
    async handle({ path }) {
      const leafIndex = indexFromPath(path.slice("/receipt/".length));
      const { treeSize, checkpoint } = log.published();
      // The log says why there is none.
      const receipt =
        leafIndex < treeSize
          ? encodeReceipt(leafIndex, await log.proveInclusion({ leafIndex, treeSize }), checkpoint)
          : Buffer.from(await log.receipt(leafIndex));
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

const HASH_DIGITS = 43;

/**
 * The bytes of `formatTlogProof`, all hashes spelled in one call: with a zero after each their base64 falls on whole groups, and
 * the zero's last digit is where the padding goes.
 */
function encodeReceipt(leafIndex: number, proof: readonly Uint8Array[], checkpoint: Uint8Array): Buffer {
  const spaced = Buffer.alloc(proof.length * (HASH_BYTES + 1));
  for (let at = 0; at < proof.length; at++) spaced.set(proof[at] ?? [], at * (HASH_BYTES + 1));
  const digits = spaced.toString("base64");
  let head = `c2sp.org/tlog-proof@v1\nindex ${leafIndex}\n`;
  for (let at = 0; at < digits.length; at += HASH_DIGITS + 1) {
    head += `${digits.slice(at, at + HASH_DIGITS)}=\n`;
  }
  const receipt = Buffer.allocUnsafe(head.length + 1 + checkpoint.length);
  receipt.write(`${head}\n`, 0, "latin1");
  receipt.set(checkpoint, head.length + 1);
  return receipt;
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
   * @returns the receipt's bytes, or undefined when it did not come in time. The entry is durable either way, so a failed wait is
   *   no failure of the request.
   */
  async receiptWithin(wait: {
    readonly leafIndex: number;
    readonly waitMs: number;
    readonly signals: readonly AbortSignal[];
  }): Promise<Buffer | undefined> {
    const { leafIndex, waitMs, signals } = wait;
    if (this.#log.published().treeSize <= leafIndex) {
      if (waitMs === 0 || this.#waiting >= this.#maxWaiting) return undefined;
      const isPublished = await withinLimits({ waitMs, signals }, (signal) => this.#wait(leafIndex, signal));
      if (!isPublished) return undefined;
    }
    const { treeSize, checkpoint } = this.#log.published();
    const proof = await this.#log.proveInclusion({ leafIndex, treeSize });
    return encodeReceipt(leafIndex, proof, checkpoint);
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
