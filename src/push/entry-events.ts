import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { decodeBundle } from "../tlog/entry-bundle.ts";
import { encodeEvent } from "./event-text.ts";

/** Entries read at once: a mebibyte at most. */
const STEP = 16;
/** What one stream is sent at once, about: the last entry may be longer than what is left. To make it takes some milliseconds. */
const PIECE_BYTES = 32 * 1024;
/** What is kept: those who listen want the same newest entries. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** Events of leaves up to `end`. */
export interface Piece {
  readonly end: number;
  /** Those of leaves [leafIndex, end). @param leafIndex - of the piece. */
  readonly from: (leafIndex: number) => Uint8Array;
}

/** An entry, and the whole receipt of it: it is verified by itself. */
export interface ToldEntry {
  readonly leafIndex: number;
  /** Base64. */
  readonly entry: string;
  /** c2sp.org/tlog-proof */
  readonly receipt: string;
}

type ToldLog = Pick<LogView, "readEntries" | "receiptBytes">;
/** And what is published now. */
type PublishedLog = ToldLog & Pick<LogView, "published">;

/**
 * Entries from `start` on with their receipts: at least one, and no more than the limits and the tree have.
 * @param range - published leaves, at least one.
 * @throws {TlogError} STORE_DAMAGED, and as the log
 */
export async function readToldEntries(
  log: ToldLog,
  range: {
    readonly start: number;
    readonly end: number;
    readonly maxEntries: number;
    readonly maxChars: number;
  },
): Promise<readonly ToldEntry[]> {
  const { start, maxEntries, maxChars } = range;
  const end = Math.min(range.end, start + maxEntries);
  const told: ToldEntry[] = [];
  let chars = 0;
  while (start + told.length < end && chars < maxChars) {
    const next = start + told.length;
    for (const entry of await readStep(log, { start: next, end: stepEnd(next, end) })) {
      chars += entry.entry.length + entry.receipt.length;
      if (told.length > 0 && chars > maxChars) break;
      told.push(entry);
    }
  }
  return told;
}

function stepEnd(start: number, end: number): number {
  return Math.min(end, (Math.floor(start / STEP) + 1) * STEP);
}

/** Leaves of one bundle: a step never leaves one. */
async function readStep(
  log: ToldLog,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<readonly ToldEntry[]> {
  const bundle = await log.readEntries({ start, end });
  if (bundle === undefined) {
    throw new TlogError("STORE_DAMAGED", `entries [${start}, ${end}) are published and not stored`);
  }
  const told: ToldEntry[] = [];
  for (const entry of decodeBundle(bundle, end - start)) {
    const leafIndex = start + told.length;
    const receipt = Buffer.from(await log.receiptBytes(leafIndex)).toString("utf8");
    told.push({ leafIndex, entry: Buffer.from(entry).toString("base64"), receipt });
  }
  return told;
}

/**
 * Entry events: "event: entry\nid: 18\ndata: {"leafIndex":17,"entry":"aGVsbG8=","receipt":"c2sp.org/tlog-proof@v1\n…"}\n\n". Each has a whole
 * receipt, so that it is verified by itself, as any other receipt. One piece is made at a time.
 */
export class EntryEvents {
  readonly #log: PublishedLog;
  readonly #kept = new Map<number, Uint8Array>(); // by leaf index, the oldest first; owned by #keep() and #dropOlder()
  #keptBytes = 0; // owned by #keep() and #dropOlder()
  #keptSince: Uint8Array | undefined; // owned by #dropOlder(): the checkpoint published since before the first was made

  constructor(log: PublishedLog) {
    this.#log = log;
  }

  /**
   * @param range - published leaves, at least one.
   * @throws {TlogError} STORE_DAMAGED, and as the log
   */
  async piece({ start, end }: { readonly start: number; readonly end: number }): Promise<Piece> {
    const events: Uint8Array[] = [];
    let bytes = 0;
    let next = start;
    while (next < end && bytes < PIECE_BYTES) {
      this.#dropOlder();
      for (const event of await this.#eventsOf(next, stepEnd(next, end))) {
        if (bytes >= PIECE_BYTES) break;
        events.push(event);
        bytes += event.length;
        next += 1;
      }
    }
    const all = Buffer.concat(events);
    const from = (leafIndex: number) => {
      const before = events.slice(0, leafIndex - start).reduce((sum, { length }) => sum + length, 0);
      return all.subarray(before);
    };
    return { end: next, from };
  }

  /** A receipt is told of the newest checkpoint, never of one older than a stream was told already. */
  #dropOlder(): void {
    const { checkpoint } = this.#log.published();
    if (this.#keptSince !== undefined && bytesEqual(this.#keptSince, checkpoint)) return;
    this.#keptSince = checkpoint.slice();
    this.#kept.clear();
    this.#keptBytes = 0;
  }

  async #eventsOf(start: number, end: number): Promise<readonly Uint8Array[]> {
    const kept: Uint8Array[] = [];
    for (let leafIndex = start; leafIndex < end; leafIndex++) {
      const event = this.#kept.get(leafIndex);
      if (event === undefined) break;
      kept.push(event);
    }
    return kept.length === 0 ? await this.#make(start, end) : kept;
  }

  async #make(start: number, end: number): Promise<readonly Uint8Array[]> {
    const told = await readStep(this.#log, { start, end });
    return told.map((entry) => {
      const { leafIndex } = entry;
      const event = encodeEvent({ event: "entry", id: leafIndex + 1, data: JSON.stringify(entry) });
      this.#keep(leafIndex, event);
      return event;
    });
  }

  #keep(leafIndex: number, event: Uint8Array): void {
    this.#keptBytes += event.length - (this.#kept.get(leafIndex)?.length ?? 0);
    this.#kept.set(leafIndex, event);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= MAX_KEPT_BYTES) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }
}
