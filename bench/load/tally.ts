import type { Answer } from "./answer-parser.ts";
import { Histogram } from "./histogram.ts";
import type { GeneratorUse, LoadReport } from "./plan.ts";
import type { RequestSource } from "./requests.ts";

/** Counts what happens to the requests of the measured window [startMs, endMs). */
export class Tally {
  readonly #window: { readonly startMs: number; readonly endMs: number };
  readonly #source: RequestSource;
  readonly #latency = new Histogram();
  readonly #statuses: Record<string, number> = {};
  readonly #errors: Record<string, number> = {};
  #due = 0;
  #succeeded = 0;
  #answeredInWindow = 0;

  constructor(window: { readonly startMs: number; readonly endMs: number }, source: RequestSource) {
    this.#window = window;
    this.#source = source;
  }

  due(dueAtMs: number): void {
    if (this.#isInWindow(dueAtMs)) this.#due += 1;
  }

  answer(dueAtMs: number, { status, body }: Answer): void {
    const nowMs = performance.now();
    const isSuccess = this.#source.isSuccess(status, body);
    if (isSuccess && this.#isInWindow(nowMs)) this.#answeredInWindow += 1;
    if (!this.#isInWindow(dueAtMs)) return;
    count(this.#statuses, String(status));
    if (status === 200 && !isSuccess) count(this.#errors, "wrong answer");
    if (!isSuccess) return;
    this.#succeeded += 1;
    this.#latency.record((nowMs - dueAtMs) * 1000);
  }

  error(dueAtMs: number, code: string): void {
    if (this.#isInWindow(dueAtMs)) count(this.#errors, code);
  }

  /** Of a connection without a request: it belongs to no request, and is told all the same. */
  idleError(code: string): void {
    if (this.#isInWindow(performance.now())) count(this.#errors, `${code}, connection idle`);
  }

  report(generator: GeneratorUse): LoadReport {
    const windowMs = this.#window.endMs - this.#window.startMs;
    const operationsInWindow = this.#answeredInWindow * this.#source.operations;
    return {
      windowMs,
      due: this.#due,
      succeeded: this.#succeeded,
      operationsInWindow,
      operationsPerSecond: (operationsInWindow * 1000) / windowMs,
      statuses: this.#statuses,
      errors: this.#errors,
      latency: this.#latency.toData(),
      generator,
    };
  }

  #isInWindow(atMs: number): boolean {
    return atMs >= this.#window.startMs && atMs < this.#window.endMs;
  }
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
