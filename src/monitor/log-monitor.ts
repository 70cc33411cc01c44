/** One log: its head is verified again and again, and every entry once, in order. What that comes to goes into its record. */
import { type Fetcher, type FetcherOptions, openFetcher } from "../../client/fetcher.ts";
import { type Heads, openHeads } from "../../client/heads.ts";
import type { LogHead } from "../../client/log-head.ts";
import { listen, type Push } from "../../client/push.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import type { ComparedHead } from "../witness/compare-heads.ts";
import { addressed, withoutFuture } from "./alarms.ts";
import { PlaceWatch } from "./compare-places.ts";
import { ended } from "./ended.ts";
import { EntryReader } from "./entry-reader.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import { failureKind } from "./failure-kind.ts";
import { staleness } from "./freshness.ts";
import { Gate } from "./gate.ts";
import { keysChanged, knownKeys } from "./known-keys.ts";
import { type FailedLook, LogAlarms } from "./log-alarms.ts";
import type { LogRecord } from "./log-record.ts";
import type { LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";
import { openRecorder, type Recorder } from "./served-bytes.ts";
import { SignedHeads } from "./signed-heads.ts";

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
  readonly #signedHeads: SignedHeads;
  readonly #alarms: LogAlarms;
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
    const alarms = new LogAlarms(options);
    this.#alarms = alarms;
    const logKeys = () => knownKeys(record.state, log.trust);
    const watching = { log, record, network, now, observe: alarms.observe };
    const signedHeads = new SignedHeads({ ...watching, logKeys, shelf, warn: alarms.warn });
    this.#signedHeads = signedHeads;
    this.places = new PlaceWatch({ ...watching, signedHeads });
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
   * Fetches the head, verifies it, and compares it with what other places show, and with what could not be proven before.
   * @returns the newest verified head; undefined when this look failed.
   * @throws {TlogError} ABORTED
   */
  async checkHead(signal: AbortSignal): Promise<LogHead | undefined> {
    await this.#recall();
    const shown = await this.#look(() => this.#heads.fetch(signal), signal);
    const ours = this.#head && { ...this.#head, logNote: this.#head.signedNote };
    const isShown = shown !== undefined && shown.progress !== "behind";
    await this.places.look({ ours, isShown }, signal);
    if (ours !== undefined) await this.#signedHeads.judgeAgain(ours, { isLogSeen: isShown, signal });
    return shown === undefined ? undefined : this.#head;
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
      await this.#alarms.settle("wrong-bytes");
      await this.#alarms.settle("withheld");
      return true;
    } catch (error) {
      await this.#fail(error, "withheld", { signal });
      return false;
    }
  }

  /** What is known from before this process, and is believed by its signature: the policy was met then. */
  async #recall(): Promise<void> {
    const { record, now, events } = this.#options;
    const state = withoutFuture(record.state, now());
    if (state !== record.state) {
      await record.change((current) => withoutFuture(current, now()));
      const message = "the clock went back: what was to be told later is counted from now";
      events.warning?.({ code: "CLOCK_BEHIND", message });
    }
    const signedNote = record.state.head?.signedNote;
    if (this.#head !== undefined || signedNote === undefined) return;
    const expectedOrigin = this.log.trust.origin;
    const logKeys = knownKeys(record.state, this.log.trust);
    const known = await openCheckpoint({ signedNote, logKeys, expectedOrigin }).catch(orNone);
    this.#head ??= known && { ...known, progress: "same" };
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
        const served = this.#served.take();
        const note = told ?? served.find(({ path }) => path === "checkpoint")?.body;
        await this.#fail(error, "unreachable", { signal, served, note });
        return undefined;
      } finally {
        if (told === undefined) this.#checkedAtMs = this.#options.now();
      }
    });
  }

  async #seen(shown: LogHead): Promise<void> {
    if (this.#head === undefined || shown.treeSize >= this.#head.treeSize) this.#head = shown;
    for (const kind of ["unreachable", "bad-checkpoint", "quorum-lost"] as const)
      await this.#alarms.settle(kind);
    await this.#observeHead(shown);
    if (this.backlog === 0)
      for (const kind of ["wrong-bytes", "withheld"] as const) await this.#alarms.settle(kind);
    const { origin, treeSize, progress } = shown;
    this.#options.events.headVerified?.({ origin, treeSize, progress });
  }

  async #observeHead(shown: LogHead): Promise<void> {
    const { patience } = this.log;
    const seen = this.#seenSize();
    const behind =
      shown.progress === "behind"
        ? `the log shows size ${shown.treeSize}, after it showed ${this.#seenSize()}`
        : undefined;
    await this.#alarms.see("behind", behind, patience.behindMs);
    if (shown.treeSize < seen) return;
    await this.#alarms.see("stale", staleness(shown, { ...this.#options, state: this.record.state }), 0);
    const { end } = this.record.state;
    if (end !== undefined) return this.#alarms.heldToItsEnd(shown, end);
    const alert = ended(shown, { url: this.log.url, atMs: this.#options.now() });
    if (alert === undefined) return;
    await this.record.change((state) => ({
      ...state,
      end: shown.signedNote,
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
   * @param look.note - the head that was shown, whatever it is worth; undefined: none.
   * @throws whatever is not about the log: a signal, a bug
   */
  async #fail(error: unknown, silence: "unreachable" | "withheld", look: FailedLook): Promise<void> {
    const { signal } = look;
    if (!(error instanceof TlogError) || signal.aborted) throw error;
    this.#failure = error;
    const { badHeadMs } = this.log.patience;
    const { code, message } = error;
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    // Whatever else is wrong with it: by its signature alone it may convict the log.
    const shown = kind === "fork" ? undefined : await this.#judgeAnyway(look);
    if (kind === "silence")
      await this.#alarms.silent(message, silence, { shown, seenSize: this.#seenSize() });
    else if (kind === "wrong-bytes" || kind === "fork") {
      await this.#alarms.see(kind, message, 0, await this.#alarms.proofOf(error, look));
    } else await this.#alarms.see(kind, message, badHeadMs);
    if (kind !== "silence") await this.#alarms.settle("unreachable");
    this.#options.events.lookFailed?.({ origin: this.log.trust.origin, code, message });
  }

  /** @returns the head that was shown, if its signature is the log's. @throws {TlogError} ABORTED */
  async #judgeAnyway({ note, signal }: FailedLook): Promise<ComparedHead | undefined> {
    const shown = note && (await this.#signedHeads.open(note).catch(orNone));
    const ours = this.#head && { ...this.#head, logNote: this.#head.signedNote };
    if (shown !== undefined && ours !== undefined) await this.#signedHeads.judge("", { ours, shown }, signal);
    return shown;
  }
}

function orNone(error: unknown): undefined {
  if (!(error instanceof TlogError)) throw error;
}
