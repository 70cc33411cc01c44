/** Tells alerts to everybody who is to be told, each at least once, in the order of the log they are about; who cannot be told is tried again. */
import { backoffMs } from "../../client/backoff.ts";
import type { Sleep } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import { type Alert, alertId } from "./alert.ts";
import type { LogRecord } from "./log-record.ts";
import { Wakeup } from "./wakeup.ts";

/** Somebody who is told. */
export interface AlertSink {
  /** Stands in the state: what waits for a name that is gone is dropped. */
  readonly name: string;
  /** Whoever sees this program: told no alerts that waited for somebody else. */
  readonly isOwn?: boolean;
  /** Resolves when it was told. @throws {TlogError} then it is told again, later */
  tell(message: AlertMessage, signal: AbortSignal): Promise<void>;
}

/** What is told at once: so that ten thousand alerts are not ten thousand mails. */
export interface AlertMessage {
  /** A function of the alerts in it. */
  readonly id: string;
  /** At most 100. */
  readonly alerts: readonly Alert[];
}

export interface DeliveryOptions {
  readonly sinks: readonly AlertSink[];
  readonly records: readonly LogRecord[];
  readonly events: MonitorEvents;
  readonly random: () => number;
  readonly sleep: Sleep;
}

const MAX_ALERTS = 100;
const RETRY = Object.freeze({ firstDelayMs: 1000, maxDelayMs: 300_000 });
/** A sink that failed so often in a row is not waited for by who wants to end. */
const MAX_FAILURES = 3;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #failures = new Map<string, number>(); // in a row; owned by #serve()
  readonly #changed = new Wakeup();
  #turn = 0; // owned by #next()

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** There may be something to tell. */
  wake(): void {
    this.#changed.wake();
  }

  /** Tells what there is until the signal aborts; never rejects but for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.sinks.map((sink) => this.#serve(sink, signal)));
  }

  /** Resolves when nothing waits to be told, or only for sinks that fail. @returns how many alerts wait. */
  async settled(signal: AbortSignal): Promise<number> {
    for (;;) {
      const { records, sinks } = this.#options;
      const pending = records.flatMap(({ state }) => state.pending);
      const isWaitedFor = ({ name }: AlertSink) => (this.#failures.get(name) ?? 0) < MAX_FAILURES;
      const alive = sinks.filter(isWaitedFor).map(({ name }) => name);
      if (signal.aborted || !pending.some(({ to }) => to.some((name) => alive.includes(name)))) {
        return pending.length;
      }
      await this.#changed.wait(signal);
    }
  }

  async #serve(sink: AlertSink, signal: AbortSignal): Promise<void> {
    const { events, random, sleep } = this.#options;
    while (!signal.aborted) {
      const alerts = this.#next(sink.name);
      if (alerts.length === 0) {
        await this.#changed.wait(signal);
        continue;
      }
      try {
        const id = alertId(alerts.map((alert) => alert.id));
        await sink.tell({ id, alerts }, signal);
        this.#failures.delete(sink.name);
        await this.#told(sink.name, new Set(alerts));
        events.alertsTold?.({ to: sink.name, count: alerts.length });
        this.wake();
      } catch (error) {
        if (!(error instanceof TlogError)) throw error;
        if (signal.aborted) return;
        const failures = (this.#failures.get(sink.name) ?? 0) + 1;
        this.#failures.set(sink.name, failures);
        events.tellingFailed?.({ to: sink.name, code: error.code, message: error.message, failures });
        this.wake();
        await sleep(backoffMs(Math.min(failures - 1, 20), RETRY, random), signal);
      }
    }
  }

  /**
   * Of each log in turn, so that none keeps the others waiting. Whoever did not take a message gets one alert at a time, alarms first and
   * another one each time: one that is refused for good, by a firewall that does not like its words, must not keep all others back.
   */
  #next(name: string): readonly Alert[] {
    const { records } = this.#options;
    const waiting: Alert[] = [];
    const failures = this.#failures.get(name) ?? 0;
    this.#turn += 1;
    for (let at = 0; at < records.length && (failures > 0 || waiting.length < MAX_ALERTS); at++) {
      const record = records[(this.#turn + at) % records.length];
      waiting.push(
        ...(record?.tellable() ?? []).flatMap(({ alert, to }) => (to.includes(name) ? [alert] : [])),
      );
    }
    if (failures === 0 || waiting.length === 0) return waiting.slice(0, MAX_ALERTS);
    const isMatch = ({ kind }: Alert) => kind === "match" || kind === "matcher-failed";
    const byWeight = [...waiting.filter((alert) => !isMatch(alert)), ...waiting.filter(isMatch)];
    return byWeight.slice((failures - 1) % byWeight.length).slice(0, 1);
  }

  async #told(name: string, alerts: ReadonlySet<Alert>): Promise<void> {
    const of = this.#options.records.filter(({ state }) =>
      state.pending.some(({ alert }) => alerts.has(alert)),
    );
    await Promise.all(of.map((record) => record.told(name, alerts)));
  }
}
