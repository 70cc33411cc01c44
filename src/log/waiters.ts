import { TlogError } from "../errors.ts";
import type { Publication } from "./log.ts";

interface Waiter {
  readonly leafIndex: number;
  readonly resolve: (publication: Publication) => void;
  readonly reject: (error: unknown) => void;
}

/** Who waits for a published checkpoint that covers a leaf. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /** @throws {TlogError} ABORTED, and what `rejectAll` is given */
  wait(leafIndex: number, signal: AbortSignal): Promise<Publication> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw aborted();
      const waiter: Waiter = {
        leafIndex,
        resolve: (publication) => settle(() => resolve(publication)),
        reject: (error) => settle(() => reject(error)),
      };
      const onAbort = () => waiter.reject(aborted());
      const settle = (act: () => void) => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        act();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Tells those whose leaf is covered. */
  resolve(publication: Publication): void {
    for (const waiter of [...this.#waiting]) {
      if (waiter.leafIndex < publication.treeSize) waiter.resolve(publication);
    }
  }

  rejectAll(error: TlogError): void {
    for (const waiter of [...this.#waiting]) waiter.reject(error);
  }
}

function aborted(): TlogError {
  return new TlogError("ABORTED", "the wait for publication was aborted");
}
