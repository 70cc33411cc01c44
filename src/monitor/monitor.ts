/** Follows logs: verifies every head and every entry, and tells what is wrong or wanted. spec/monitor.md */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { orAborted, type Sleep, sleepOnTimer, throwIfAborted } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import { withoutStrangers } from "./alarms.ts";
import { type AlertSink, Delivery } from "./delivery.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import { Gate } from "./gate.ts";
import { LogMonitor } from "./log-monitor.ts";
import { LogRecord, type StateKeeper } from "./log-record.ts";
import { emptyState, type LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";
import { logStatus, type MonitorStatus } from "./status.ts";
import { Wakeup } from "./wakeup.ts";

export interface MonitorOptions {
  readonly logs: readonly MonitoredLog[];
  readonly states: StateStore;
  readonly shelf: EvidenceShelf;
  readonly sinks: readonly AlertSink[];
  readonly events: MonitorEvents;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Pause between two looks at a log, in milliseconds; half as much again at most, and more while it does not answer. */
  readonly intervalMs: number;
  /** Default: one attempt of at most 10 s a request for heads, as the client has it for the rest. */
  readonly network?: FetcherOptions;
  readonly random?: () => number;
  readonly sleep?: Sleep;
}

/** Where states are. */
export interface StateStore extends StateKeeper {
  /** @returns undefined for a log that is new. @throws {TlogError} STORE_DAMAGED | FILE_UNREADABLE */
  load(origin: string): Promise<LogState | undefined>;
}

export interface Monitor {
  /** Follows all logs until the signal aborts. @throws what is a bug */
  run(signal: AbortSignal): Promise<void>;
  /** Looks once at every log and reads it to its end. @throws {TlogError} ABORTED */
  once(signal: AbortSignal): Promise<OnceReport>;
  status(): MonitorStatus;
}

/** What one round came to. */
export interface OnceReport {
  readonly logs: readonly {
    readonly origin: string;
    /** Of the head that was verified; undefined: none was. */
    readonly treeSize: number | undefined;
    /** All its entries were read. */
    readonly isRead: boolean;
    readonly matches: number;
    readonly failure: TlogError | undefined;
  }[];
  /** Alerts that could not be told: they are told the next time. */
  readonly untold: number;
}

/** Heads asked for side by side, and logs whose entries are read side by side: each holds some windows of bundles. */
const MAX_LOOKS = 16;
const MAX_READERS = 2;
const MAX_PAUSE_MS = 300_000;
/** Logs that are listened to: each is a connection that stays. The others are asked alone. */
const MAX_LISTENED = 256;
/** Between two looks at what a log tells: a busy one publishes ten times a second, and each time its last bundle is read again. */
const TOLD_PAUSE_MS = 1000;

/** @throws {TlogError} STORE_DAMAGED | FILE_UNREADABLE (a state) | ARGUMENT_INVALID (a log twice) */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { logs, states, sinks, events, random = Math.random, sleep = sleepOnTimer, network = {} } = options;
  const to = sinks.map(({ name }) => name);
  const failing = new Set<string>(); // origins that cannot be saved; owned by onSaved
  let delivery: Delivery | undefined; // owned by this function
  const recordOf = async ({ trust: { origin }, url, places }: MonitoredLog): Promise<LogRecord> => {
    const stored = forSinks((await states.load(origin)) ?? emptyState(origin), options);
    const about = { url, to, nowMs: options.now() };
    const state = withoutStrangers(
      stored,
      places.map((place) => place.url),
      about,
    );
    const onSaved = (failure: unknown): void => {
      if (failure === undefined) failing.delete(origin);
      else if (failure instanceof TlogError) {
        const { code, message } = failure;
        if (!failing.has(origin)) events.warning?.({ code, message: `${origin}: ${message}` });
        failing.add(origin);
      } else throw failure;
      delivery?.wake();
    };
    return new LogRecord(state, { keeper: states, onSaved });
  };
  const monitors: LogMonitor[] = [];
  for (const log of logs) {
    const { origin } = log.trust;
    if (monitors.some((other) => other.log.trust.origin === origin)) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `${origin}: want each log once; give further places as its mirrors`,
      );
    }
    const record = await recordOf(log);
    monitors.push(new LogMonitor({ ...options, log, record, to, network: { ...network, random, sleep } }));
  }
  const records = monitors.map(({ record }) => record);
  delivery = new Delivery({ sinks, records, events, random, sleep });
  const parts = { monitors, delivery, intervalMs: options.intervalMs, random, sleep };
  return {
    run: (signal) => follow(parts, signal),
    once: (signal) => lookOnce(parts, signal),
    status: () => ({ isSaving: failing.size === 0, logs: monitors.map(logStatus) }),
  };
}

interface Parts {
  readonly monitors: readonly LogMonitor[];
  readonly delivery: Delivery;
  readonly intervalMs: number;
  readonly random: () => number;
  readonly sleep: Sleep;
}

/** What waits for somebody who is not there any more is told to the others instead: his address may have been wrong. */
function forSinks(state: LogState, { sinks, events }: Pick<MonitorOptions, "sinks" | "events">): LogState {
  const names = sinks.map(({ name }) => name);
  const others = sinks.flatMap(({ name, isOwn }) => (isOwn === true ? [] : [name]));
  const gone = new Map<string, number>();
  const pending = state.pending.flatMap(({ alert, to }) => {
    const missing = to.filter((name) => !names.includes(name));
    for (const name of missing) gone.set(name, (gone.get(name) ?? 0) + 1);
    const known = to.filter((name) => names.includes(name));
    const now = missing.length === 0 ? known : [...new Set([...known, ...others])];
    return now.length === 0 ? [] : [{ alert, to: now }];
  });
  for (const [name, count] of gone) {
    const instead =
      others.length === 0 ? "nobody else is to be told, and they are dropped" : "the others are told them";
    const message = `${state.origin}: ${count} alerts waited for ${name}, who is to be told no more: ${instead}`;
    events.warning?.({ code: "ALERT_NOT_TOLD", message });
  }
  return { ...state, pending };
}

async function follow(parts: Parts, signal: AbortSignal): Promise<void> {
  const looks = new Gate(MAX_LOOKS);
  const readers = new Gate(MAX_READERS);
  // A bug in one of them ends them all.
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  const heard = new Set(parts.monitors.filter(({ log }) => log.isHeard).slice(0, MAX_LISTENED));
  const loops = [
    parts.delivery.run(ended),
    ...parts.monitors.map((monitor) =>
      followLog(monitor, { ...parts, looks, readers, isHeard: heard.has(monitor) }, ended),
    ),
  ];
  try {
    await Promise.all(loops.map((loop) => loop.catch(failUnlessAborted)));
  } finally {
    await Promise.allSettled(loops);
  }

  function failUnlessAborted(error: unknown): void {
    if (signal.aborted && error instanceof TlogError) return;
    failed.abort();
    throw error;
  }
}

async function followLog(
  monitor: LogMonitor,
  parts: Parts & { readonly looks: Gate; readonly readers: Gate; readonly isHeard: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { looks, readers, intervalMs, random, sleep } = parts;
  const pauseAfter = async (failures: number): Promise<void> => {
    const longest = Math.max(intervalMs, Math.min(MAX_PAUSE_MS, intervalMs * 2 ** Math.min(failures, 20)));
    await sleep(Math.ceil(longest * (1 + random() / 2)), signal);
  };
  const looked = new Wakeup();
  const lookLoop = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      const head = await looks.pass(() => monitor.checkHead(signal));
      failures = head === undefined ? failures + 1 : 0;
      looked.wake();
      await pauseAfter(failures);
    }
  };
  const readLoop = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      await monitor.record.room(signal);
      if (monitor.backlog > 0 && !signal.aborted) {
        const isRead = await readers.pass(() => monitor.readOn(signal));
        failures = isRead ? 0 : failures + 1;
        if (isRead) continue;
        await pauseAfter(failures);
      } else {
        await looked.wait(signal);
      }
    }
  };
  const hearLoop = async (): Promise<void> => {
    const push = monitor.listen(signal);
    while (!signal.aborted) {
      if (push.isLive) await orAborted(push.news(), signal);
      const told = push.take();
      if (told !== undefined) {
        await looks.pass(() => monitor.hear(told, signal));
        looked.wake();
      }
      await sleep(TOLD_PAUSE_MS, signal);
    }
  };
  await Promise.all([lookLoop(), readLoop(), ...(parts.isHeard ? [hearLoop()] : [])]);
}

async function lookOnce(parts: Parts, signal: AbortSignal): Promise<OnceReport> {
  const ended = new AbortController();
  const delivering = parts.delivery.run(AbortSignal.any([signal, ended.signal]));
  const looking = async (): Promise<OnceReport> => {
    const looks = new Gate(MAX_READERS);
    const logs = await Promise.all(
      parts.monitors.map((monitor) => looks.pass(() => lookAt(monitor, parts, signal))),
    );
    return { logs, untold: await parts.delivery.settled(signal) };
  };
  try {
    const looked = looking();
    // A bug in telling ends the round: what waits to be told would wait for ever.
    return await Promise.race([looked, delivering.then(() => looked)]);
  } finally {
    ended.abort();
    await delivering;
  }
}

async function lookAt(
  monitor: LogMonitor,
  { delivery }: Parts,
  signal: AbortSignal,
): Promise<OnceReport["logs"][number]> {
  const before = monitor.record.state.matches;
  const head = await monitor.checkHead(signal);
  let isRead = head !== undefined;
  for (let left = -1; isRead && monitor.backlog !== left && monitor.backlog > 0; ) {
    left = monitor.backlog;
    isRead = await monitor.readOn(signal);
    throwIfAborted(signal);
    if (monitor.record.hasRoom) continue;
    await delivery.settled(signal);
    if (!monitor.record.hasRoom) break;
  }
  return {
    origin: monitor.log.trust.origin,
    treeSize: head?.treeSize,
    isRead: isRead && monitor.backlog === 0,
    matches: monitor.record.state.matches - before,
    failure: monitor.lastLook.failure,
  };
}
