/** One log: its head is verified again and again, and every entry once, in order. What that comes to goes into its record. */
import { type Fetcher, type FetcherOptions, openFetcher } from "../../client/fetcher.ts";
import { type Heads, openHeads } from "../../client/heads.ts";
import type { LogHead } from "../../client/log-head.ts";
import { listen, type Push } from "../../client/push.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import type { VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import { addressed, observe } from "./alarms.ts";
import type { AlarmKind } from "./alert.ts";
import { PlaceWatch } from "./compare-places.ts";
import { ended } from "./ended.ts";
import { EntryReader } from "./entry-reader.ts";
import { type EvidenceShelf, keptFiles } from "./evidence-shelf.ts";
import { failureKind } from "./failure-kind.ts";
import { staleness } from "./freshness.ts";
import { Gate } from "./gate.ts";
import { keepProof } from "./keep-proof.ts";
import { keysChanged, knownKeys } from "./known-keys.ts";
import type { LogRecord } from "./log-record.ts";
import type { LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";
import { openRecorder, type Recorder } from "./served-bytes.ts";
import { shownBySignature } from "./shown-head.ts";

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
  readonly #fetcher: Fetcher;
  /** What the look at a head that is under way was served. */
  readonly #served: Recorder;
  readonly #heads: Heads;
  readonly #reader: EntryReader;
  /** One look at a head at a time: what was asked for, and what was told. */
  readonly #looks = new Gate(1);
  #push: Push | undefined; // owned by listen()
  /** The newest head, whole policy met. Owned by checkHead(). */
  #head: LogHead | undefined;
  #checkedAtMs: number | undefined; // owned by checkHead()
  #failure: TlogError | undefined; // of the last look; owned by checkHead() and readUpTo()

  constructor(options: LogMonitorOptions) {
    this.#options = options;
    const { log, record, network, now, shelf } = options;
    const { origin } = log.trust;
    // Tiles are read once, in order: what is kept is the right edge and the way up.
    const cache = memoryTiles({ maxBytes: 1024 * 1024 });
    const onKeys = (state: LogState): LogState => {
      const alert = keysChanged(state, { url: log.url, atMs: now() });
      const alerts = alert === undefined ? [] : [alert];
      return { ...state, pending: [...state.pending, ...addressed(alerts, options.to)] };
    };
    const memory = record.checkpoints({ now, onKeys });
    this.#fetcher = openFetcher(log.url, network);
    this.#served = openRecorder(this.#fetcher);
    const { fetcher } = this.#served;
    const tiles = openTileSource({ origin, fetcher, cache });
    this.#heads = openHeads({ trust: log.trust, fetcher, tiles, memory });
    this.#reader = new EntryReader({ ...options, fetcher: this.#fetcher, cache });
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

  /** The log says by itself what is new, and is heard. */
  get isTold(): boolean {
    return this.#push?.isLive === true;
  }

  /** Listens to what the log tells, if it does, until the signal aborts: what comes is for {@link LogMonitor.hear}. */
  listen(signal: AbortSignal): Push {
    const late = new TlogError("REMOTE_TIMEOUT", "events: nothing comes");
    this.#push = listen({ fetcher: this.#fetcher, knownSize: () => this.#head?.treeSize, signal, late });
    return this.#push;
  }

  /**
   * Fetches the head, verifies it, and compares it with what other places show.
   * @returns the newest verified head; undefined when this look failed.
   * @throws {TlogError} ABORTED
   */
  async checkHead(signal: AbortSignal): Promise<LogHead | undefined> {
    const shown = await this.#look(() => this.#heads.fetch(signal), signal);
    if (shown === undefined || this.#head === undefined) return undefined;
    if (shown.progress !== "behind") await this.places.look(this.#head, signal);
    return this.#head;
  }

  /**
   * Verifies a head that the log told of, as one that was asked for.
   * @throws {TlogError} ABORTED
   */
  async hear(signedNote: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#look(() => this.#heads.judge(signedNote, signal), signal, signedNote);
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
      await this.#fail(error, "withheld", { signal });
      return false;
    }
  }

  #look(
    judged: () => Promise<LogHead>,
    signal: AbortSignal,
    told?: Uint8Array,
  ): Promise<LogHead | undefined> {
    return this.#looks.pass(async () => {
      this.#served.take();
      try {
        const shown = await judged();
        this.#failure = undefined;
        await this.#seen(shown);
        return shown;
      } catch (error) {
        await this.#fail(error, "unreachable", { signal, told });
        return undefined;
      } finally {
        if (told === undefined) this.#checkedAtMs = this.#options.now();
      }
    });
  }

  async #seen(shown: LogHead): Promise<void> {
    if (this.#head === undefined || shown.treeSize >= this.#head.treeSize) this.#head = shown;
    for (const kind of ["unreachable", "bad-checkpoint", "quorum-lost"] as const) await this.#settle(kind);
    await this.#observeHead(shown);
    if (this.backlog === 0) for (const kind of ["wrong-bytes", "withheld"] as const) await this.#settle(kind);
    const { origin, treeSize, progress } = shown;
    this.#options.events.headVerified?.({ origin, treeSize, progress });
  }

  async #observeHead(shown: LogHead): Promise<void> {
    const { patience } = this.log;
    const seen = this.#head?.treeSize ?? 0;
    const behind =
      shown.progress === "behind"
        ? `the log shows size ${shown.treeSize}, after it showed ${this.#seenSize()}`
        : undefined;
    await this.#see("behind", behind, patience.behindMs);
    if (shown.treeSize < seen) return;
    await this.#see("stale", staleness(shown, { ...this.#options, state: this.record.state }), 0);
    if (this.record.state.isEndTold) return;
    const alert = ended(shown, { url: this.log.url, atMs: this.#options.now() });
    if (alert === undefined) return;
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

  /**
   * @param silence - what it means when the log does not answer.
   * @throws whatever is not about the log: a signal, a bug
   */
  async #fail(
    error: unknown,
    silence: "unreachable" | "withheld",
    { signal, told }: { readonly signal: AbortSignal; readonly told?: Uint8Array | undefined },
  ): Promise<void> {
    if (!(error instanceof TlogError) || signal.aborted) throw error;
    this.#failure = error;
    const { badHeadMs } = this.log.patience;
    const { code, message } = error;
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    if (kind === "silence") await this.#silent(message, silence, signal);
    else if (kind === "wrong-bytes" || kind === "fork") {
      await this.#see(kind, message, 0, await this.#proofOf(error, told));
    } else await this.#see(kind, message, badHeadMs);
    if (kind !== "silence") await this.#settle("unreachable");
    this.#options.events.lookFailed?.({ origin: this.log.trust.origin, code, message });
  }

  /** No answer: to the question for the head, or only to those for the tiles that would prove it. */
  async #silent(message: string, kind: "unreachable" | "withheld", signal: AbortSignal): Promise<void> {
    const { behindMs, unreachableMs } = this.log.patience;
    const shown = kind === "withheld" ? undefined : await this.#shownBySignature(signal);
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

  #shownBySignature(signal: AbortSignal): Promise<VerifiedCheckpoint | undefined> {
    const { log, record, network } = this.#options;
    return shownBySignature(log, { logKeys: knownKeys(record.state, log.trust), network, signal });
  }

  #proofOf(error: TlogError, told: Uint8Array | undefined): Promise<readonly string[]> {
    const { shelf, record, log, now } = this.#options;
    const look = { served: this.#served.take(), told, atMs: now() };
    return keptFiles(() => keepProof(error, { log, state: record.state, shelf, ...look }), this.#warn);
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
