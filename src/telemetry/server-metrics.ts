/** What the metrics of logs and of witnesses have in common. */
import type { Counter } from "prom-client";
import { RequestTally } from "../http/request-tally.ts";
import { MetricRegistry, type Samples } from "./metric-registry.ts";

/** The room of a data directory. */
export interface StorageUse {
  readonly usedBytes: number;
  readonly freeBytes: number;
}

export interface ServerMetricsOptions {
  /** The program's version. */
  readonly version: string;
  /** Asked when somebody looks; undefined: the data lie in memory. */
  readonly storage: (() => Promise<StorageUse>) | undefined;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Whether this is the process's only server: then its processor time, memory and files are shown too. */
  readonly isWholeProcess: boolean;
}

export interface ServerMetrics {
  readonly registry: MetricRegistry;
  readonly requests: RequestTally;
  readonly warnings: BoundedCounter;
}

export function openServerMetrics(options: ServerMetricsOptions): ServerMetrics {
  const { version, storage } = options;
  const registry = new MetricRegistry(options);
  registry.gauge("bristlecone_build_info", () => [{ labels: { version }, value: 1 }]);
  const requests = new RequestTally();
  registry.requests(requests);
  if (storage !== undefined) {
    registry.gauge("bristlecone_storage_bytes", async () => one((await storage()).usedBytes));
    registry.gauge("bristlecone_storage_free_bytes", async () => one((await storage()).freeBytes));
  }
  const warnings = new BoundedCounter(registry.counter("bristlecone_warnings_total"));
  return { registry, requests, warnings };
}

export function one(value: number): Samples {
  return [{ value }];
}

/** 1 for the state something is in, 0 for all others: OpenMetrics calls it a StateSet. */
export function stateSet(states: readonly string[], now: string): Samples {
  return states.map((state) => ({ labels: { state }, value: state === now ? 1 : 0 }));
}

/** More codes than the program has. */
const MAX_CODES = 100;

/** Counts by code. Codes come from the program's own words; should one ever come from elsewhere, it is "other" after the hundredth. */
export class BoundedCounter {
  readonly #counter: Counter;
  readonly #codes = new Set<string>(); // owned by count()

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  count(code: string): void {
    if (this.#codes.size < MAX_CODES) this.#codes.add(code);
    this.#counter.inc({ code: this.#codes.has(code) ? code : "other" });
  }
}
