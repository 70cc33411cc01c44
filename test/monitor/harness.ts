/** A monitor over fake logs, whose states, alerts and evidence lie in memory. */
import type { FetchFunction } from "../../client/fetcher.ts";
import { trustIn } from "../../client/policy.ts";
import type { Alert } from "../../src/monitor/alert.ts";
import type { AlertSink } from "../../src/monitor/delivery.ts";
import { formatLogState, parseLogState } from "../../src/monitor/log-state.ts";
import { substringMatcher } from "../../src/monitor/matchers.ts";
import { type MonitorOptions, type OnceReport, openMonitor } from "../../src/monitor/monitor.ts";
import { DEFAULT_PATIENCE, type MonitoredLog, type Patience } from "../../src/monitor/monitored-log.ts";
import type { MonitorStatus } from "../../src/monitor/status.ts";
import { formatWrongBytes } from "../../src/monitor/wrong-bytes.ts";
import type { FakeLog } from "../client/fake-log.ts";
import { fakeTime } from "../client/fake-time.ts";

/** What outlasts a run. */
export interface Kept {
  /** By origin, as it is written. */
  readonly states: Map<string, string>;
  readonly evidence: string[];
  readonly checkpoints: Uint8Array[];
  readonly wrongBytes: string[];
}

export function nothingKept(): Kept {
  return { states: new Map(), evidence: [], checkpoints: [], wrongBytes: [] };
}

export interface Round {
  readonly report: OnceReport;
  readonly status: MonitorStatus;
  readonly told: readonly Alert[];
  /** "fork: message" or "over: fork: message", for each. */
  readonly words: readonly string[];
}

/** The log as it is watched in most tests: for "wanted", at its URL. */
export function watched(
  log: FakeLog,
  more: Partial<Omit<MonitoredLog, "patience">> & { patience?: Partial<Patience> } = {},
): MonitoredLog {
  return {
    url: log.url,
    trust: trustIn({ vkey: log.vkey }),
    places: [],
    from: 0,
    isHeard: false,
    matchers: [substringMatcher("wanted", { text: "wanted", ignoresCase: false })],
    ...more,
    patience: { ...DEFAULT_PATIENCE, ...more.patience },
  };
}

/** Opens a monitor on what was kept, looks once, and closes it. */
export async function lookOnce(
  logs: readonly MonitoredLog[],
  kept: Kept,
  more: Partial<MonitorOptions> & { readonly fetch: FetchFunction; readonly nowMs?: number },
): Promise<Round> {
  const told: Alert[] = [];
  const monitor = await openMonitor({ ...optionsFor(logs, kept, more), sinks: [collecting(told)], ...more });
  const report = await monitor.once(new AbortController().signal);
  const words = told.map(
    ({ kind, isResolved, message }) => `${isResolved ? "over: " : ""}${kind}: ${message}`,
  );
  return { report, status: monitor.status(), told, words };
}

export function optionsFor(
  logs: readonly MonitoredLog[],
  kept: Kept,
  { fetch, nowMs }: { readonly fetch: FetchFunction; readonly nowMs?: number },
): MonitorOptions {
  const time = fakeTime({ timeoutMs: 10_000 });
  return {
    logs,
    states: {
      load: async (origin) => {
        const text = kept.states.get(origin);
        return text === undefined ? undefined : parseLogState(text);
      },
      save: async (state) => void kept.states.set(state.origin, formatLogState(state)),
    },
    shelf: {
      keepEvidence: async (_origin, evidence) => `evidence ${kept.evidence.push(evidence)}`,
      keepCheckpoint: async (_origin, note) => {
        const at = indexIn(kept.checkpoints, note);
        return `checkpoint ${at === -1 ? kept.checkpoints.push(note) : at + 1}`;
      },
      dropCheckpoint: async (_origin, note) => {
        const at = indexIn(kept.checkpoints, note);
        if (at !== -1) kept.checkpoints.splice(at, 1);
      },
      keepWrongBytes: async (bytes) => `wrong bytes ${kept.wrongBytes.push(formatWrongBytes(bytes))}`,
    },
    sinks: [],
    events: {},
    now: nowMs === undefined ? time.now : () => nowMs,
    intervalMs: 1000,
    network: { fetch, timeoutMs: 10_000, retry: { maxAttempts: 1 } },
    random: () => 0,
    sleep: time.sleep,
  };
}

function indexIn(notes: readonly Uint8Array[], note: Uint8Array): number {
  return notes.findIndex((one) => Buffer.compare(one, note) === 0);
}

export function collecting(told: Alert[], name = "log"): AlertSink {
  return { name, tell: async ({ alerts }) => void told.push(...alerts) };
}

/** Answers each host with one log: "https://mirror.example/" with that of `hosts["mirror.example"]`. */
export function network(hosts: Readonly<Record<string, FakeLog>>): FetchFunction {
  return async (url, init) => {
    const { host, pathname } = new URL(url);
    const log = hosts[host];
    if (log === undefined) throw new TypeError("fetch failed");
    return log.fetch(log.url + pathname.replace(/^\/test/, ""), init);
  };
}
