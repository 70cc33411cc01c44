import type { MonitorEvents } from "../events.ts";
import { appendHashes, emptyRange } from "../merkle/compact-range.ts";
import { encodeBase64, encodeHex } from "../tlog/encoding.ts";
import { GrowingBytes } from "../tlog/growing-bytes.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { addressed, observe } from "./alarms.ts";
import { type Alert, alertId, EXCERPT_BYTES, oneLine } from "./alert.ts";
import type { LogRecord } from "./log-record.ts";
import type { LogState } from "./log-state.ts";
import type { BatchMatcher, EntryVerdict, Matcher, SeenEntry } from "./matchers.ts";
import type { MonitoredLog } from "./monitored-log.ts";

export interface ReadBatchOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  readonly to: readonly string[];
  readonly now: () => number;
  readonly events: MonitorEvents;
}

/** What was read is written down at least this often while reading, and after so many alerts. */
const SAVE_EVERY_MS = 1000;
const SAVE_EVERY_ALERTS = 100;

type Named = Pick<Matcher, "name">;

/** Entries that were read and matched, and are not written down yet. */
export class ReadBatch {
  readonly #options: ReadBatchOptions;
  #hashes = new GrowingBytes(); // owned by add() and write(), as are the others
  #alerts: Alert[] = [];
  #count = 0;
  #bytes = 0;
  #writtenMs: number;
  readonly #matchers: readonly Matcher[];
  readonly #batchMatchers: readonly BatchMatcher[];
  #unasked: SeenEntry[] = []; // that batch matchers have not seen
  /** Of each batch matcher: the first entry of late that it was not shown, or undefined. */
  #stops = new Map<string, number | undefined>();
  readonly #signal: AbortSignal;

  constructor(options: ReadBatchOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const { matchers } = options.log;
    this.#matchers = matchers.flatMap((matcher) => ("match" in matcher ? [matcher] : []));
    this.#batchMatchers = matchers.flatMap((matcher) => ("matchAll" in matcher ? [matcher] : []));
    this.#writtenMs = options.now();
  }

  /** @returns a promise only when a matcher makes one wait. */
  add(entry: SeenEntry): Promise<void> | undefined {
    this.#hashes.append(entry.leafHash);
    this.#count += 1;
    this.#bytes += entry.entry.length;
    let waiting: Promise<void> | undefined;
    for (const matcher of this.#matchers) {
      const before = waiting;
      if (before !== undefined) waiting = before.then(() => this.#ask(matcher, entry));
      else waiting = this.#ask(matcher, entry);
    }
    if (this.#batchMatchers.length === 0) return waiting;
    this.#unasked.push(entry);
    if (this.#unasked.length < TILE_WIDTH) return waiting;
    return (waiting ?? Promise.resolve()).then(() => this.#askAll());
  }

  get isAtBundleEnd(): boolean {
    return this.#count % TILE_WIDTH === 0;
  }

  get isDue(): boolean {
    if (this.#alerts.length >= SAVE_EVERY_ALERTS) return true;
    return this.#count % TILE_WIDTH === 0 && this.#options.now() - this.#writtenMs >= SAVE_EVERY_MS;
  }

  /** Position and alerts in one step: neither is there without the other. @throws {TlogError} ABORTED: nothing is written down */
  async write(): Promise<void> {
    if (this.#count === 0) return;
    await this.#askAll();
    const { record, to, events, log } = this.#options;
    const [hashes, alerts, count, bytes] = [
      this.#hashes.bytes(),
      this.#alerts.sort((one, other) => (one.match?.leafIndex ?? 0) - (other.match?.leafIndex ?? 0)),
      this.#count,
      this.#bytes,
    ];
    const stops = this.#stops;
    this.#stops = new Map();
    this.#hashes = new GrowingBytes();
    this.#alerts = [];
    this.#count = 0;
    this.#bytes = 0;
    this.#writtenMs = this.#options.now();
    const matches = alerts.filter(({ kind }) => kind === "match").length;
    await record.change((state) => {
      const read = appendHashes(state.read ?? emptyRange(), hashes).range;
      const pending = [...state.pending, ...addressed(alerts, to)];
      const now: LogState = { ...state, read, matches: state.matches + matches, pending };
      return [...stops].reduce<LogState>((before, stop) => this.#stopped(before, stop), now);
    });
    events.entriesRead?.({ origin: log.trust.origin, count, bytes, matches });
  }

  /** The alarm that a matcher is not asked, which says what it was not shown. */
  #stopped(state: LogState, [name, firstUnseen]: readonly [string, number | undefined]): LogState {
    const { log, to, now } = this.#options;
    const message =
      firstUnseen === undefined
        ? undefined
        : `the matcher ${name} failed again and again, and is shown no entries for now, from ${firstUnseen} on`;
    const overWords = ` to ${(state.read?.treeSize ?? 0) - 1}: those were not looked at`;
    const alarm = {
      kind: "matcher-stopped" as const,
      subject: name,
      message,
      graceMs: 0,
      nowMs: now(),
      overWords,
    };
    return observe(state, alarm, { url: log.url, to });
  }

  async #askAll(): Promise<void> {
    const entries = this.#unasked;
    if (entries.length === 0) return;
    for (const matcher of this.#batchMatchers) {
      const verdicts = await matcher.matchAll(entries, this.#signal);
      for (const [at, entry] of entries.entries()) this.#take(matcher, entry, verdicts[at] ?? "unseen");
      const first = entries[verdicts.indexOf("unseen")];
      if (first === undefined) this.#stops.set(matcher.name, undefined);
      else this.#stops.set(matcher.name, this.#stops.get(matcher.name) ?? first.leafIndex);
    }
    // Not before: entries that somebody did not look at are not written down.
    this.#unasked = [];
  }

  #take(matcher: BatchMatcher, entry: SeenEntry, found: EntryVerdict): void {
    if (found === "unseen") return;
    if ("failure" in found) this.#failed(matcher, entry, found.failure);
    else this.#judge(matcher, entry, found.verdict);
  }

  #ask(matcher: Matcher, entry: SeenEntry): Promise<void> | undefined {
    try {
      const verdict = matcher.match(entry);
      if (typeof verdict === "boolean" || typeof verdict === "string") {
        this.#judge(matcher, entry, verdict);
        return undefined;
      }
      return verdict.then(
        (settled) => this.#judge(matcher, entry, settled),
        (error: unknown) => this.#failed(matcher, entry, error),
      );
    } catch (error) {
      this.#failed(matcher, entry, error);
      return undefined;
    }
  }

  #judge(matcher: Named, entry: SeenEntry, verdict: boolean | string): void {
    if (verdict === false || verdict === "") return;
    const words = verdict === true ? "" : `: ${oneLine(verdict, MAX_WORDS)}`;
    this.#alert("match", matcher, entry, `entry ${entry.leafIndex} matches ${matcher.name}${words}`);
  }

  /** Nobody knows whether it would have matched: a person has to look. */
  #failed(matcher: Named, entry: SeenEntry, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `entry ${entry.leafIndex}: the matcher ${matcher.name} failed: ${oneLine(reason, MAX_WORDS)}`;
    this.#alert("matcher-failed", matcher, entry, message);
  }

  #alert(kind: "match" | "matcher-failed", { name: matcher }: Named, seen: SeenEntry, message: string): void {
    const { origin, leafIndex, leafHash, entry } = seen;
    const { url } = this.#options.log;
    this.#alerts.push({
      id: alertId([origin, kind, matcher, leafIndex, encodeHex(leafHash)]),
      kind,
      isResolved: false,
      origin,
      url,
      atMs: this.#options.now(),
      message,
      match: {
        matcher,
        leafIndex,
        leafHash: encodeHex(leafHash),
        entryBytes: entry.length,
        excerpt: encodeBase64(entry.subarray(0, EXCERPT_BYTES)),
      },
    });
  }
}

/** Most words of a module that are kept. */
const MAX_WORDS = 500;
