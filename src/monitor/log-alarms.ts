/** What is wrong with one log goes into its record from here, with what proves it. */
import type { LogHead } from "../../client/log-head.ts";
import type { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import type { ComparedHead } from "../witness/compare-heads.ts";
import { observe } from "./alarms.ts";
import type { AlarmKind } from "./alert.ts";
import { reopened } from "./ended.ts";
import { type EvidenceShelf, keptFiles } from "./evidence-shelf.ts";
import { keepProof } from "./keep-proof.ts";
import type { LogRecord } from "./log-record.ts";
import type { MonitoredLog } from "./monitored-log.ts";
import type { ServedBytes } from "./served-bytes.ts";
import type { Observe } from "./signed-heads.ts";

export interface LogAlarmsOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  readonly shelf: EvidenceShelf;
  /** Names of those who are told. */
  readonly to: readonly string[];
  readonly now: () => number;
  readonly events: MonitorEvents;
}

/** A look that did not go well. */
export interface FailedLook {
  readonly signal: AbortSignal;
  readonly served?: readonly ServedBytes[];
  /** The head that was shown, whatever it is worth; undefined: none. */
  readonly note?: Uint8Array | undefined;
}

export class LogAlarms {
  readonly #options: LogAlarmsOptions;

  constructor(options: LogAlarmsOptions) {
    this.#options = options;
  }

  /** No answer: to the question for the head, or only to those for the tiles that would prove it. */
  async silent(
    message: string,
    kind: "unreachable" | "withheld",
    { shown, seenSize }: { readonly shown: ComparedHead | undefined; readonly seenSize: number },
  ): Promise<void> {
    const { behindMs, unreachableMs } = this.#options.log.patience;
    if (shown === undefined) return this.see(kind, message, unreachableMs);
    await this.settle("unreachable");
    if (shown.treeSize < seenSize) {
      const words = `the log shows size ${shown.treeSize}, after it showed ${seenSize}, and does not serve the tree that it showed: ${message}`;
      return this.see("behind", words, behindMs);
    }
    const { shelf, log } = this.#options;
    const files = await keptFiles(() => shelf.keepCheckpoint(log.trust.origin, shown.logNote), this.warn);
    const words = `the log shows size ${shown.treeSize}, and does not serve the tree that would tell whether it continues size ${seenSize}: ${message}`;
    return this.see("withheld", words, unreachableMs, files);
  }

  /** What a log says that ended before. @param end - the signed note that said so. */
  async heldToItsEnd(shown: LogHead, end: Uint8Array): Promise<void> {
    const message = reopened(shown, end);
    if (message === undefined) return;
    const { shelf } = this.#options;
    const keep = (note: Uint8Array) => keptFiles(() => shelf.keepCheckpoint(shown.origin, note), this.warn);
    await this.see("reopened", message, 0, [...(await keep(end)), ...(await keep(shown.signedNote))]);
  }

  /** What shows a third person what the log did, kept: paths. */
  proofOf(error: TlogError, { served = [], note }: FailedLook): Promise<readonly string[]> {
    const { shelf, record, log, now } = this.#options;
    const look = { served, shown: note, atMs: now() };
    return keptFiles(() => keepProof(error, { log, state: record.state, shelf, ...look }), this.warn);
  }

  /** An operator should know, and the monitor goes on. */
  readonly warn = ({ code, message }: TlogError): void => this.#options.events.warning?.({ code, message });

  /** It is over. */
  settle(kind: AlarmKind): Promise<void> {
    return this.see(kind, undefined, 0);
  }

  /** Of the log itself. */
  see(
    kind: AlarmKind,
    message: string | undefined,
    graceMs: number,
    files?: readonly string[],
  ): Promise<void> {
    return this.observe({ kind, subject: "", message, graceMs, files });
  }

  /** Writes down what a look came to, if that changes anything: for the log, or for one of its places. */
  readonly observe: Observe = async (found) => {
    const { record, now, to, log } = this.#options;
    const about = { url: log.url, to };
    const observation = { ...found, nowMs: now() };
    if (observe(record.state, observation, about) === record.state) return;
    await record.change((state) => observe(state, observation, about));
  };
}
