/** What the load generator is told to do, and what it says it saw. Both cross a process border as JSON. */
import type { ArrivalKind } from "./arrivals.ts";
import type { EntryPlan } from "./entries.ts";
import type { HistogramData } from "./histogram.ts";

export type RequestPlan =
  | { readonly kind: "add"; readonly entries: EntryPlan }
  | { readonly kind: "add-receipt"; readonly entries: EntryPlan; readonly waitSeconds: number }
  | { readonly kind: "add-batch"; readonly entries: EntryPlan; readonly batchEntries: number }
  | {
      readonly kind: "get";
      readonly what: "tile" | "bundle" | "inclusion-proof" | "receipt" | "entry" | "checkpoint";
      /** Random paths are of a tree of this size. */
      readonly treeSize: number;
    };

export type LoadShape =
  /** Each connection sends its next request when the one before is answered, after a pause. */
  | { readonly kind: "closed"; readonly pauseMs?: number }
  /** Requests are due at times fixed beforehand. One that finds all connections busy waits, and its time runs. */
  | { readonly kind: "open"; readonly perSecond: number; readonly arrivals: ArrivalKind };

export interface LoadPlan {
  /** http://, an address of this machine's loopback, a port. */
  readonly url: string;
  readonly seed: number;
  readonly connections: number;
  readonly shape: LoadShape;
  readonly request: RequestPlan;
  /** Before the measured window; what happens in it is not counted. */
  readonly warmupMs: number;
  readonly durationMs: number;
}

/** Counted are requests that were due in the window; rates are of answers that came in it. */
export interface LoadReport {
  readonly windowMs: number;
  /** Requests due in the window. */
  readonly due: number;
  /** Answers of status 200, with what was asked for, whose request was due in the window. */
  readonly succeeded: number;
  /** Entries or answers, of successes that came in the window, a second. */
  readonly operationsPerSecond: number;
  readonly operationsInWindow: number;
  /** By status, every answer whose request was due in the window: "200", "429". */
  readonly statuses: Readonly<Record<string, number>>;
  /** By code, requests due in the window that failed without an answer or with a wrong one: "ECONNRESET", "unanswered". */
  readonly errors: Readonly<Record<string, number>>;
  /** From when a request was due to the last byte of its answer; successes only. */
  readonly latency: HistogramData;
  readonly generator: GeneratorUse;
}

export interface GeneratorUse {
  /** Of one core, in the window. */
  readonly cpuShare: number;
  /** How late the open loop handed over requests, beyond when they were due, p99. */
  readonly p99LateMs: number;
  /** Most requests that waited for a connection at one time. */
  readonly mostQueued: number;
  /** The generator, and not the server, may have set these figures. */
  readonly wasBottleneck: boolean;
}

/** Messages of the generator's process to its parent. */
export type LoadMessage =
  | { readonly kind: "window-began" }
  | { readonly kind: "window-ended" }
  | { readonly kind: "report"; readonly report: LoadReport }
  | { readonly kind: "failed"; readonly message: string };

/** @throws {RangeError} unless the plan's address is on the loopback of this machine: a load generator must not meet strangers. */
export function loopbackAddress(url: string): { readonly host: string; readonly port: number } {
  const { protocol, hostname, port, pathname } = new URL(url);
  const isLoopback = /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname) || hostname === "[::1]";
  if (protocol !== "http:" || !isLoopback || port === "" || pathname !== "/") {
    throw new RangeError(`load: want http:// on 127.0.0.0/8 or [::1] with a port and no path, got ${url}`);
  }
  return { host: hostname === "[::1]" ? "::1" : hostname, port: Number(port) };
}
