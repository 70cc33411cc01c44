/** Reads every entry of a log once, in order; each was tied to a verified head by the client, and is hashed into a tree of this monitor's own. */
import type { FetcherOptions } from "../../client/fetcher.ts";
import type { LogClient } from "../../client/log-client.ts";
import type { TileCache } from "../../client/tile-cache.ts";
import { openTileSource, type TreeHead } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import {
  appendHashes,
  type CompactRange,
  emptyRange,
  peakCoordinates,
  rangeRoot,
} from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { encodeBase64, encodeHex } from "../tlog/encoding.ts";
import { GrowingBytes } from "../tlog/growing-bytes.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { fetcherFor } from "../witness/head-places.ts";
import { addressed } from "./alarms.ts";
import { type Alert, alertId, EXCERPT_BYTES } from "./alert.ts";
import { failureKind } from "./failure-kind.ts";
import type { LogRecord } from "./log-record.ts";
import { type Matcher, type SeenEntry, seenEntry } from "./matchers.ts";
import type { MonitoredLog } from "./monitored-log.ts";

export interface EntryReaderOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  readonly client: LogClient;
  readonly cache: TileCache;
  readonly network: FetcherOptions;
  readonly to: readonly string[];
  readonly now: () => number;
  readonly events: MonitorEvents;
}

/** Entries of one piece: then other logs have their turn. */
const PIECE_ENTRIES = 64 * TILE_WIDTH;
/** What was read is written down at least this often while reading, and after so many alerts. */
const SAVE_EVERY_MS = 1000;
const SAVE_EVERY_ALERTS = 100;

export class EntryReader {
  readonly #options: EntryReaderOptions;

  constructor(options: EntryReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads on from where the record is, at most one piece; none while too many alerts wait. One at a time. Of a piece that has a wrong byte all
   * is read that comes before its bundle.
   * @throws {TlogError} ROOT_MISMATCH | ENTRY_MISMATCH | BUNDLE_MALFORMED | TILE_MALFORMED (other bytes than were signed), the network's codes, ABORTED
   */
  async readPiece(head: TreeHead, signal: AbortSignal): Promise<void> {
    const start = (this.#options.record.state.read ?? (await this.#begin(head, signal)))?.treeSize;
    if (start === undefined) return;
    const end = bundleEnd(start + PIECE_ENTRIES, head);
    try {
      await this.#read(end, signal);
    } catch (error) {
      if (!isWrongBytes(error)) throw error;
      for (let from = this.#position; from < end && this.#options.record.hasRoom; from = this.#position) {
        await this.#readBundle(from, bundleEnd(from + TILE_WIDTH, head), signal);
      }
    }
    this.#assertRoot(head);
  }

  get #position(): number {
    return this.#options.record.state.read?.treeSize ?? 0;
  }

  async #readBundle(start: number, end: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#read(end, signal);
    } catch (cause) {
      if (!isWrongBytes(cause)) throw cause;
      const where = `entries ${Math.floor(start / TILE_WIDTH) * TILE_WIDTH} to ${end - 1}`;
      throw new TlogError(cause.code, `${where}: ${cause.message}`, { cause });
    }
  }

  async #read(end: number, signal: AbortSignal): Promise<void> {
    const { record, client, log } = this.#options;
    const start = this.#position;
    if (start >= end || !record.hasRoom) return;
    const batch = new ReadBatch(this.#options);
    try {
      for await (const entry of client.entries({ start, end, signal })) {
        const found = batch.add(seenEntry(log.trust.origin, entry));
        if (found !== undefined) await found;
        if (batch.isDue) await batch.write();
        if (!record.hasRoom) return;
      }
    } finally {
      // What came before a wrong byte was right.
      await batch.write();
    }
  }

  /** All that was read, over all restarts, is what was signed. */
  #assertRoot({ treeSize, rootHash }: TreeHead): void {
    const { read } = this.#options.record.state;
    if (read === undefined || read.treeSize !== treeSize || hashesEqual(rangeRoot(read), rootHash)) return;
    throw new TlogError(
      "ROOT_MISMATCH",
      `the ${treeSize} entries that were read are not those that were signed`,
    );
  }

  /** The tree before the first entry that is to be read; undefined: the log is not there yet. */
  async #begin(head: TreeHead, signal: AbortSignal): Promise<CompactRange | undefined> {
    const { log, record } = this.#options;
    const from = record.state.from ?? (log.from === "now" ? head.treeSize : log.from);
    if (from > head.treeSize) return undefined;
    const read = from === 0 ? emptyRange() : await this.#rangeAt(from, head, signal);
    await record.change((state) => ({ ...state, from, read }));
    return read;
  }

  async #rangeAt(treeSize: number, head: TreeHead, signal: AbortSignal): Promise<CompactRange> {
    const { log, network, cache } = this.#options;
    const fetcher = fetcherFor(log.url, network);
    const nodes = peakCoordinates(treeSize);
    const read = await openTileSource({ origin: log.trust.origin, fetcher, cache }).readNodes({
      head,
      nodes,
      signal,
    });
    return { treeSize, peaks: nodes.map(read) };
  }
}

function isWrongBytes(error: unknown): error is TlogError {
  return error instanceof TlogError && failureKind(error) === "wrong-bytes";
}

/** The last full bundle's end up to there, or the tree's. */
function bundleEnd(index: number, { treeSize }: TreeHead): number {
  return Math.min(treeSize, Math.floor(index / TILE_WIDTH) * TILE_WIDTH);
}

/** Entries that were read and matched, and are not written down yet. */
class ReadBatch {
  readonly #options: EntryReaderOptions;
  #hashes = new GrowingBytes(); // owned by add() and write(), as are the others
  #alerts: Alert[] = [];
  #count = 0;
  #bytes = 0;
  #writtenMs: number;

  constructor(options: EntryReaderOptions) {
    this.#options = options;
    this.#writtenMs = options.now();
  }

  /** @returns a promise only when a matcher makes one wait. */
  add(entry: SeenEntry): Promise<void> | undefined {
    this.#hashes.append(entry.leafHash);
    this.#count += 1;
    this.#bytes += entry.entry.length;
    let waiting: Promise<void> | undefined;
    for (const matcher of this.#options.log.matchers) {
      const before = waiting;
      if (before !== undefined) waiting = before.then(() => this.#ask(matcher, entry));
      else waiting = this.#ask(matcher, entry);
    }
    return waiting;
  }

  get isDue(): boolean {
    if (this.#alerts.length >= SAVE_EVERY_ALERTS) return true;
    return this.#count % TILE_WIDTH === 0 && this.#options.now() - this.#writtenMs >= SAVE_EVERY_MS;
  }

  /** Position and alerts in one step: neither is there without the other. */
  async write(): Promise<void> {
    if (this.#count === 0) return;
    const { record, to, events, log } = this.#options;
    const [hashes, alerts, count, bytes] = [this.#hashes.bytes(), this.#alerts, this.#count, this.#bytes];
    this.#hashes = new GrowingBytes();
    this.#alerts = [];
    this.#count = 0;
    this.#bytes = 0;
    this.#writtenMs = this.#options.now();
    const matches = alerts.filter(({ kind }) => kind === "match").length;
    await record.change((state) => ({
      ...state,
      read: appendHashes(state.read ?? emptyRange(), hashes).range,
      matches: state.matches + matches,
      pending: [...state.pending, ...addressed(alerts, to)],
    }));
    events.entriesRead?.({ origin: log.trust.origin, count, bytes, matches });
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

  #judge(matcher: Matcher, entry: SeenEntry, verdict: boolean | string): void {
    if (verdict === false || verdict === "") return;
    const words = verdict === true ? "" : `: ${verdict.slice(0, MAX_WORDS)}`;
    this.#alert("match", matcher, entry, `entry ${entry.leafIndex} matches ${matcher.name}${words}`);
  }

  /** Nobody knows whether it would have matched: a person has to look. */
  #failed(matcher: Matcher, entry: SeenEntry, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `entry ${entry.leafIndex}: the matcher ${matcher.name} failed: ${reason.slice(0, MAX_WORDS)}`;
    this.#alert("matcher-failed", matcher, entry, message);
  }

  #alert(
    kind: "match" | "matcher-failed",
    { name: matcher }: Matcher,
    seen: SeenEntry,
    message: string,
  ): void {
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
