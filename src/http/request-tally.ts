/** How requests ended and how long they took: counted where they are answered, read by whoever makes metrics of it. */
import type { Answer } from "./exchange.ts";
import { RECEIPT_TYPE } from "./receipts.ts";

/** What a request is counted under, a closed list: nothing that clients send becomes a label. What is not on it is "other". */
export const TALLIED_ROUTES = Object.freeze([
  "/add",
  "/add (receipt)",
  "/add-batch",
  "/checkpoint",
  "/tile/*",
  "/entry/*",
  "/lookup/*",
  "/receipt/*",
  "/proof/*",
  "/log.json",
  "/events",
  "/add-checkpoint",
  "/sign-subtree",
  "/evidence",
  "/witness/*",
  "/witness.json",
  "other",
] as const);

/** Every status that is answered anywhere; another one counts as the last. */
const STATUSES = [
  200, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 500, 501, 503, 599,
] as const;

/** Upper bounds of durations, in seconds. What takes longer is in the last bucket, which has none. */
export const DURATION_BOUNDS = Object.freeze([
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]);

const BUCKETS = DURATION_BOUNDS.length + 1;
/** Of one route: a count for each status, a count for each bucket, the seconds together. */
const CELLS = STATUSES.length + BUCKETS + 1;
const BOUNDS_MS = DURATION_BOUNDS.map((seconds) => seconds * 1000);
const STATUS_INDEX = new Map<number, number>(STATUSES.map((status, at) => [status, at]));
const OTHER = TALLIED_ROUTES.length - 1;
const ADD = TALLIED_ROUTES.indexOf("/add");
const ADD_FOR_RECEIPT = TALLIED_ROUTES.indexOf("/add (receipt)");
const EXACT = new Map<string, number>(TALLIED_ROUTES.map((route, at) => [route, at]));
const BELOW = TALLIED_ROUTES.flatMap((route, at) =>
  route.endsWith("*") ? [{ prefix: route.slice(0, -1), at }] : [],
);

/** What a path is counted under, as its place in {@link TALLIED_ROUTES}. @param path - a request's, or a hot route's. */
export function talliedRoute(path: string): number {
  const exact = EXACT.get(path);
  if (exact !== undefined) return exact;
  return BELOW.find(({ prefix }) => path.startsWith(prefix))?.at ?? OTHER;
}

/** What an answer is counted under: an add for a receipt is another promise than an add, with another latency. */
export function countedRoute(route: number, answer: CountedAnswer): number {
  return route === ADD && isForReceipt(answer) ? ADD_FOR_RECEIPT : route;
}

/** Whether a route's answers wait because they were asked to. @param route - {@link countedRoute} */
export function isWait(route: number): boolean {
  return route === ADD_FOR_RECEIPT;
}

/** One route's requests. */
export interface RouteTally {
  readonly route: string;
  /** By status, without those that never were. */
  readonly answered: readonly { readonly status: number; readonly count: number }[];
  /** Of those answered with less than 400: how many took at most {@link DURATION_BOUNDS}[i], not more than the bound before; one more for the rest. */
  readonly buckets: readonly number[];
  readonly seconds: number;
}

/**
 * One flat array of numbers, since it is written for every request: a hundred nanoseconds where a library's histogram takes a
 * microsecond. Its changes travel from readers to the writer.
 */
export class RequestTally {
  readonly #cells = new Float64Array(TALLIED_ROUTES.length * CELLS); // owned by record() and merge()
  readonly #told = new Float64Array(this.#cells.length); // owned by changes()
  readonly #streams: (() => number)[] = []; // owned by countStreams()

  /**
   * Counts one answer.
   * @param route - {@link talliedRoute}.
   * @param elapsedMs - from the request's head to the answer, without the time its bytes take.
   */
  record(route: number, answer: CountedAnswer, elapsedMs: number): void {
    const { status } = answer;
    const at = countedRoute(route, answer) * CELLS;
    this.#add(at + (STATUS_INDEX.get(status) ?? STATUSES.length - 1), 1);
    if (status >= 400) return;
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && elapsedMs > (BOUNDS_MS[bucket] ?? 0)) bucket += 1;
    this.#add(at + STATUSES.length + bucket, 1);
    this.#add(at + CELLS - 1, elapsedMs / 1000);
  }

  routes(): readonly RouteTally[] {
    return TALLIED_ROUTES.flatMap((route, index) => {
      const cells = this.#cells.subarray(index * CELLS, (index + 1) * CELLS);
      const answered = STATUSES.map((status, at) => ({ status, count: cells[at] ?? 0 }));
      const seen = answered.filter(({ count }) => count > 0);
      if (seen.length === 0) return [];
      const buckets = [...cells.subarray(STATUSES.length, STATUSES.length + BUCKETS)];
      return [{ route, answered: seen, buckets, seconds: cells[CELLS - 1] ?? 0 }];
    });
  }

  /** What was counted since this was asked last: pairs of place and number, for {@link merge} of another process. */
  changes(): readonly number[] {
    const pairs: number[] = [];
    for (const [at, count] of this.#cells.entries()) {
      const more = count - (this.#told[at] ?? 0);
      if (more !== 0) pairs.push(at, more);
    }
    this.#told.set(this.#cells);
    return pairs;
  }

  merge(changes: readonly number[]): void {
    for (let at = 0; at + 1 < changes.length; at += 2) this.#add(changes[at] ?? 0, changes[at + 1] ?? 0);
  }

  /** From now on these are counted too: who serves streams says how many are open. */
  countStreams(open: () => number): void {
    this.#streams.push(open);
  }

  /** Answers that go on. */
  get openStreams(): number {
    return this.#streams.reduce((sum, open) => sum + open(), 0);
  }

  #add(at: number, more: number): void {
    this.#cells[at] = (this.#cells[at] ?? 0) + more;
  }
}

/** As a hot route answers, or as fetch has it. */
type CountedAnswer = Pick<Answer, "status"> & { readonly headers: Answer["headers"] | Headers };

/** It waited for a publication, or for as long as the client allowed. */
function isForReceipt(answer: CountedAnswer): boolean {
  if (answer.status !== 200) return answer.status === 202;
  // Of others the headers are left alone: an answer of hono's is made anew once they were looked at.
  const { headers } = answer;
  const type = headers instanceof Headers ? headers.get("content-type") : headers["Content-Type"];
  return type === RECEIPT_TYPE;
}
