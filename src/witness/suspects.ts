import { encodeHex } from "../tlog/encoding.ts";

/** A head that a log signed and this witness did not cosign, though nothing convicts the log yet: whoever has its tiles can tell. */
export interface Suspect {
  readonly origin: string;
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** With lines of the log only. */
  readonly signedNote: Uint8Array;
}

const MAX_PER_LOG = 8;
/** With a text of 4 KiB and an ML-DSA-44 line at each head: 64 MiB. */
const MAX_LOGS = 1024;
/** After this long the operator was told of a head that nobody could prove, and it may make room for another. */
const KEEP_MS = 3_600_000;

interface Held {
  readonly suspect: Suspect;
  readonly sinceMs: number;
}

/**
 * The suspects of all logs, each head once. One goes when it is settled, and not because another comes: anybody can send a log's old
 * heads again, and must not push out by it the one that would convict.
 */
export class Suspects {
  readonly #now: () => number;
  /** By origin, then by size and root; whichever was looked at longest ago stands first. */
  readonly #held = new Map<string, Map<string, Held>>(); // owned by the methods

  /** @param now - milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Logs that have some. */
  origins(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Those of a log, in the order to look at them. */
  of(origin: string): readonly Suspect[] {
    return [...(this.#held.get(origin)?.values() ?? [])].map(({ suspect }) => suspect);
  }

  /** Without effect when there is no room: nothing that is held is as old as an hour. */
  add(suspect: Suspect): void {
    const { origin } = suspect;
    if (!this.#held.has(origin) && this.#held.size >= MAX_LOGS)
      dropFirst(this.#held, (ofLog) => this.#areOld(ofLog));
    const ofLog = this.#held.get(origin) ?? new Map<string, Held>();
    const key = keyOf(suspect);
    if (ofLog.has(key)) return;
    if (ofLog.size >= MAX_PER_LOG) dropFirst(ofLog, (held) => this.#isOld(held));
    if (ofLog.size >= MAX_PER_LOG || (ofLog.size === 0 && this.#held.size >= MAX_LOGS)) return;
    ofLog.set(key, { suspect, sinceMs: this.#now() });
    this.#held.set(origin, ofLog);
  }

  /** Looks at the others of its log first, next time. */
  putLast(suspect: Suspect): void {
    const ofLog = this.#held.get(suspect.origin);
    const held = ofLog?.get(keyOf(suspect));
    if (ofLog === undefined || held === undefined) return;
    ofLog.delete(keyOf(suspect));
    ofLog.set(keyOf(suspect), held);
  }

  /** It proved to be of the log's one history, or became evidence. */
  settle(suspect: Suspect): void {
    const ofLog = this.#held.get(suspect.origin);
    ofLog?.delete(keyOf(suspect));
    if (ofLog?.size === 0) this.#held.delete(suspect.origin);
  }

  /** Nothing more is to be found out about the log. */
  settleAll(origin: string): void {
    this.#held.delete(origin);
  }

  #areOld(ofLog: ReadonlyMap<string, Held>): boolean {
    return [...ofLog.values()].every((held) => this.#isOld(held));
  }

  #isOld({ sinceMs }: Held): boolean {
    return this.#now() - sinceMs >= KEEP_MS;
  }
}

function dropFirst<T>(held: Map<string, T>, isOld: (one: T) => boolean): void {
  for (const [key, one] of held) {
    if (!isOld(one)) continue;
    held.delete(key);
    return;
  }
}

function keyOf({ treeSize, rootHash }: Suspect): string {
  return `${treeSize} ${encodeHex(rootHash)}`;
}
