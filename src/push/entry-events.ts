import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { decodeBundle } from "../tlog/entry-bundle.ts";
import { encodeEvent } from "./event-text.ts";

/** Entries read at once: a mebibyte at most. */
const STEP = 16;
/** What one stream is sent at once, about: the last entry may be longer than what is left. */
const PIECE_BYTES = 64 * 1024;
/** What is kept: those who listen want the same newest entries. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** Events of leaves [start, end). */
export interface Piece {
  readonly end: number;
  readonly bytes: Uint8Array;
}

/**
 * Entry events: "event: entry\nid: 18\ndata: {"leafIndex":17,"entry":"aGVsbG8=","receipt":"c2sp.org/tlog-proof@v1\n…"}\n\n". Each has a whole
 * receipt, so that it is verified by itself, as any other receipt.
 */
export class EntryEvents {
  readonly #log: Pick<LogView, "readEntries" | "receiptBytes">;
  readonly #kept = new Map<number, Uint8Array>(); // by leaf index, the oldest first; owned by #keep()
  #keptBytes = 0; // owned by #keep()

  constructor(log: Pick<LogView, "readEntries" | "receiptBytes">) {
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
      const step = Math.min(end, (Math.floor(next / STEP) + 1) * STEP);
      for (const event of await this.#eventsOf(next, step)) {
        if (bytes >= PIECE_BYTES) break;
        events.push(event);
        bytes += event.length;
        next += 1;
      }
    }
    return { end: next, bytes: Buffer.concat(events) };
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

  /** Leaves of one bundle: a step never leaves one. */
  async #make(start: number, end: number): Promise<readonly Uint8Array[]> {
    const bundle = await this.#log.readEntries({ start, end });
    if (bundle === undefined) {
      throw new TlogError("STORE_DAMAGED", `entries [${start}, ${end}) are published and not stored`);
    }
    const events: Uint8Array[] = [];
    for (const entry of decodeBundle(bundle, end - start)) {
      const leafIndex = start + events.length;
      const receipt = Buffer.from(await this.#log.receiptBytes(leafIndex)).toString("utf8");
      const data = JSON.stringify({ leafIndex, entry: Buffer.from(entry).toString("base64"), receipt });
      const event = encodeEvent({ event: "entry", id: leafIndex + 1, data });
      this.#keep(leafIndex, event);
      events.push(event);
    }
    return events;
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
