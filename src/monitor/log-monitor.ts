/** One log: its head is verified again and again, and every entry once, in order. What that comes to goes into its record. */
import { LogForkedError } from "../../client/errors.ts";
import type { FetcherOptions } from "../../client/fetcher.ts";
import { type LogClient, openLogClient } from "../../client/log-client.ts";
import type { LogHead } from "../../client/log-head.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseFrozen } from "../tlog/frozen.ts";
import { parseNote } from "../tlog/note.ts";
import { fetchNote } from "../witness/head-places.ts";
import { addressed, observe } from "./alarms.ts";
import { type AlarmKind, alertId } from "./alert.ts";
import { PlaceWatch } from "./compare-places.ts";
import { EntryReader } from "./entry-reader.ts";
import { type EvidenceShelf, keptFiles } from "./evidence-shelf.ts";
import { failureKind } from "./failure-kind.ts";
import { quorumSight } from "./freshness.ts";
import { keysChanged, knownKeys } from "./known-keys.ts";
import type { LogRecord } from "./log-record.ts";
import type { LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";

export interface LogMonitorOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  readonly shelf: EvidenceShelf;
  /** Names of those who are told. */
  readonly to: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly events: MonitorEvents;
  readonly network: FetcherOptions;
}

export class LogMonitor {
  readonly places: PlaceWatch;
  readonly #options: LogMonitorOptions;
  readonly #client: LogClient;
  readonly #reader: EntryReader;
  /** The newest head, whole policy met. Owned by checkHead(). */
  #head: LogHead | undefined;
  #checkedAtMs: number | undefined; // owned by checkHead()
  #failure: TlogError | undefined; // of the last look; owned by checkHead() and readUpTo()

  constructor(options: LogMonitorOptions) {
    this.#options = options;
    const { log, record, network, now, shelf } = options;
    const { policy, origin } = log.trust;
    // Tiles are read once, in order: what is kept is the right edge and the way up.
    const cache = memoryTiles({ maxBytes: 1024 * 1024 });
    const onKeys = (state: LogState): LogState => {
      const alert = keysChanged(state, { url: log.url, atMs: now() });
      const alerts = alert === undefined ? [] : [alert];
      return { ...state, pending: [...state.pending, ...addressed(alerts, options.to)] };
    };
    const checkpoints = record.checkpoints({ now, onKeys });
    this.#client = openLogClient({ ...network, url: log.url, policy, origin, checkpoints, cache });
    this.#reader = new EntryReader({ ...options, client: this.#client, cache });
    const onObserved = this.#observe.bind(this);
    const logKeys = () => knownKeys(record.state, log.trust);
    this.places = new PlaceWatch({
      log,
      logKeys,
      network,
      now,
      shelf,
      observe: onObserved,
      warn: this.#warn,
    });
  }

  get log(): MonitoredLog {
    return this.#options.log;
  }

  get record(): LogRecord {
    return this.#options.record;
  }

  get head(): LogHead | undefined {
    return this.#head;
  }

  /** When the head was last asked for, and what that, or reading, failed with since. */
  get lastLook(): { readonly atMs: number | undefined; readonly failure: TlogError | undefined } {
    return { atMs: this.#checkedAtMs, failure: this.#failure };
  }

  /**
   * Fetches the head, verifies it, and compares it with what other places show.
   * @returns the newest verified head; undefined when this look failed.
   * @throws {TlogError} ABORTED
   */
  async checkHead(signal: AbortSignal): Promise<LogHead | undefined> {
    const shown = await this.#fetchHead(signal);
    if (shown === undefined) return undefined;
    if (this.#head === undefined || shown.treeSize >= this.#head.treeSize) this.#head = shown;
    await this.#observeHead(shown);
    if (this.backlog === 0) for (const kind of ["wrong-bytes", "withheld"] as const) await this.#settle(kind);
    this.#options.events.headVerified?.({
      origin: shown.origin,
      treeSize: shown.treeSize,
      progress: shown.progress,
    });
    if (shown.progress !== "behind") await this.places.look(this.#head, signal);
    return this.#head;
  }

  /** How many entries of the head are not read yet. */
  get backlog(): number {
    return Math.max(0, (this.#head?.treeSize ?? 0) - (this.record.state.read?.treeSize ?? 0));
  }

  /**
   * Reads a piece of what is not read yet.
   * @returns whether it went well.
   * @throws {TlogError} ABORTED
   */
  async readOn(signal: AbortSignal): Promise<boolean> {
    const head = this.#head;
    if (head === undefined) return true;
    try {
      await this.#reader.readPiece(head, signal);
      this.#failure = undefined;
      await this.#settle("wrong-bytes");
      await this.#settle("withheld");
      return true;
    } catch (error) {
      await this.#fail(error, "withheld", signal);
      return false;
    }
  }

  async #fetchHead(signal: AbortSignal): Promise<LogHead | undefined> {
    try {
      const head = await this.#client.checkpoint({ signal });
      this.#checkedAtMs = this.#options.now();
      this.#failure = undefined;
      for (const kind of ["unreachable", "bad-checkpoint", "quorum-lost"] as const) await this.#settle(kind);
      return head;
    } catch (error) {
      this.#checkedAtMs = this.#options.now();
      await this.#fail(error, "unreachable", signal);
      return undefined;
    }
  }

  async #observeHead(shown: LogHead): Promise<void> {
    const { patience, trust } = this.log;
    const seen = this.#head?.treeSize ?? 0;
    const behind =
      shown.progress === "behind"
        ? `the log shows size ${shown.treeSize}, after it showed ${this.#seenSize()}`
        : undefined;
    await this.#see("behind", behind, patience.behindMs);
    if (shown.treeSize < seen) return;
    await this.#see("stale", this.#staleness(shown), 0);
    const end = parseFrozen(shown.extensions);
    if (end === undefined || this.record.state.isEndTold) return;
    const { origin } = trust;
    const alert = {
      id: alertId([origin, "ended", shown.treeSize]),
      kind: "ended" as const,
      isResolved: false,
      origin,
      url: this.log.url,
      atMs: this.#options.now(),
      message: `the log ended with ${shown.treeSize} entries${end.successor === undefined ? "" : `; its successor: ${end.successor.vkey} ${end.successor.url ?? ""}`}`,
    };
    await this.record.change((state) => ({
      ...state,
      isEndTold: true,
      pending: [...state.pending, ...addressed([alert], this.#options.to)],
    }));
  }

  /** Of the largest head, also after a restart. */
  #seenSize(): number {
    const { head } = this.record.state;
    return head === undefined ? 0 : parseCheckpoint(decodeUtf8(parseNote(head.signedNote).text)).treeSize;
  }

  #staleness(head: LogHead): string | undefined {
    const { patience, trust } = this.log;
    const { head: seen, isEndTold } = this.record.state;
    if (patience.staleMs === undefined || seen === undefined || head.treeSize === 0 || isEndTold)
      return undefined;
    const quorumAtSeconds = quorumSight(head, trust.policy).atSeconds;
    const sinceMs = quorumAtSeconds === undefined ? seen.seenAtMs : quorumAtSeconds * 1000;
    const ageMs = this.#options.now() - sinceMs;
    if (ageMs <= patience.staleMs) return undefined;
    const age = `${Math.floor(ageMs / 1000)} seconds ago`;
    return quorumAtSeconds === undefined
      ? `the log has shown size ${head.treeSize} since ${age}, and nothing newer`
      : `a quorum cosigned the newest head, of size ${head.treeSize}, ${age}, and none since`;
  }

  /**
   * @param silence - what it means when the log does not answer.
   * @throws whatever is not about the log: a signal, a bug
   */
  async #fail(error: unknown, silence: "unreachable" | "withheld", signal: AbortSignal): Promise<void> {
    if (!(error instanceof TlogError) || signal.aborted) throw error;
    this.#failure = error;
    const { badHeadMs } = this.log.patience;
    const { code, message } = error;
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    if (kind === "silence") await this.#silent(message, silence, signal);
    else if (kind === "wrong-bytes") await this.#see(kind, message, 0);
    else if (kind !== "fork") await this.#see(kind, message, badHeadMs);
    else await this.#see(kind, message, 0, await this.#evidenceOf(error));
    if (kind !== "silence") await this.#settle("unreachable");
    this.#options.events.lookFailed?.({ origin: this.log.trust.origin, code, message });
  }

  /** No answer: to the question for the head, or only to those for the tiles that would prove it. */
  async #silent(message: string, kind: "unreachable" | "withheld", signal: AbortSignal): Promise<void> {
    const { behindMs, unreachableMs } = this.log.patience;
    const shown = kind === "withheld" ? undefined : await this.#shownAnyway(signal);
    if (shown === undefined) return this.#see(kind, message, unreachableMs);
    await this.#settle("unreachable");
    const seenSize = this.#seenSize();
    if (shown.treeSize < seenSize) {
      const words = `the log shows size ${shown.treeSize}, after it showed ${seenSize}, and does not serve the tree that it showed: ${message}`;
      return this.#see("behind", words, behindMs);
    }
    const { shelf } = this.#options;
    const files = await keptFiles(() => shelf.keepCheckpoint(shown.origin, shown.signedNote), this.#warn);
    const words = `the log shows size ${shown.treeSize}, and does not serve the tree that would tell whether it continues size ${seenSize}: ${message}`;
    return this.#see("withheld", words, unreachableMs, files);
  }

  /** The head that the log shows, by its signature alone; undefined: it shows none. */
  async #shownAnyway(signal: AbortSignal): Promise<VerifiedCheckpoint | undefined> {
    const { url, trust } = this.log;
    const { origin } = trust;
    const logKeys = knownKeys(this.record.state, trust);
    const place = { origin, url, path: "checkpoint", mayBeMissing: true };
    try {
      const signedNote = await fetchNote(place, { network: this.#options.network, signal });
      return signedNote && (await openCheckpoint({ signedNote, logKeys, expectedOrigin: origin }));
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      return undefined;
    }
  }

  async #evidenceOf(error: TlogError): Promise<readonly string[]> {
    const { shelf, log } = this.#options;
    const evidence = error instanceof LogForkedError ? error.evidence : undefined;
    if (evidence === undefined) return [];
    return await keptFiles(() => shelf.keepEvidence(log.trust.origin, evidence), this.#warn);
  }

  readonly #warn = ({ code, message }: TlogError): void => this.#options.events.warning?.({ code, message });

  #settle(kind: AlarmKind): Promise<void> {
    return this.#see(kind, undefined, 0);
  }

  #see(
    kind: AlarmKind,
    message: string | undefined,
    graceMs: number,
    files?: readonly string[],
  ): Promise<void> {
    return this.#observe({ kind, subject: "", message, graceMs, files });
  }

  async #observe(found: {
    readonly kind: AlarmKind;
    readonly subject: string;
    readonly message: string | undefined;
    readonly graceMs: number;
    readonly files?: readonly string[] | undefined;
  }): Promise<void> {
    const { record, now, to, log } = this.#options;
    const nowMs = now();
    const about = { url: log.url, to };
    const observation = { ...found, nowMs };
    if (observe(record.state, observation, about) === record.state) return;
    await record.change((state) => observe(state, observation, about));
  }
}
