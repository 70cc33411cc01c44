import { connect, type Socket } from "node:net";
import { InvariantError, TlogError } from "../errors.ts";
import { appendedEach } from "../log/added.ts";
import type { Appended, AppendedBlock, LogLimits } from "../log/log.ts";
import { codeOf } from "../node/errno.ts";
import {
  decodeAnswer,
  FrameReader,
  MAX_ANSWER_BYTES,
  MAX_FRAME_BYTES,
  MAX_UNDER_WAY,
  newFrame,
} from "./frames.ts";
import type { Held } from "./turned-away.ts";

/** An entry on its way, and who waits for its place. */
interface Waiting {
  readonly entry: Uint8Array;
  /** undefined: nobody can say. */
  readonly resolve: (appended: Appended | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export interface FrameLinkOptions {
  /** Where the writer takes frames. */
  readonly socketPath: string;
  readonly limits: LogLimits;
  /** An entry was turned away here: as many as the log lets wait are on their way to it. */
  readonly onPoolFull: (held: Held) => void;
}

const LENGTH_BYTES = 2;
/** What `connect` fails with where no writer listens any more. */
const UNREACHED = new Set(["ECONNREFUSED", "ENOENT"]);

/**
 * Has the writer add entries, those of all connections in common frames: while the frames before are under way, entries gather for
 * the next one. Idle, an entry goes at once; busy, frames grow; no timer decides.
 */
export class FrameLink {
  readonly #options: FrameLinkOptions;
  readonly #underWay = new Map<number, readonly Waiting[]>(); // owned by #send(), #answered() and #lost()
  #gathered: Waiting[] = []; // owned by add() and #nextFrame()
  #held = { pendingEntries: 0, pendingBytes: 0 }; // owned by #hold(): gathered or under way
  #isSending = false; // owned by #wake()
  #number = 0; // owned by #send()
  #socket: Socket | undefined; // owned by #connected()

  constructor(options: FrameLinkOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the entry is durable; with undefined when the writer was lost meanwhile, and nobody can say whether it is.
   * @param entry - at most as large as the log takes; kept.
   * @throws {TlogError} as Log.add
   */
  add(entry: Uint8Array): Promise<Appended | undefined> {
    return new Promise((resolve, reject) => {
      this.#assertRoom(entry);
      this.#hold(1, entry.length);
      this.#gathered.push({ entry, resolve, reject });
      this.#wake();
    });
  }

  /** The writer's pool has these limits for all; what waits here waits for the pool. */
  #assertRoom(entry: Uint8Array): void {
    const { maxPendingEntries, maxPendingBytes } = this.#options.limits;
    const { pendingEntries, pendingBytes } = this.#held;
    if (pendingEntries < maxPendingEntries && pendingBytes + entry.length <= maxPendingBytes) return;
    this.#options.onPoolFull(this.#held);
    const held = `${pendingEntries} entries (${pendingBytes} bytes)`;
    throw new TlogError("POOL_FULL", `the log has ${held} waiting; try again shortly`);
  }

  #hold(entries: number, bytes: number): void {
    const { pendingEntries, pendingBytes } = this.#held;
    this.#held = { pendingEntries: pendingEntries + entries, pendingBytes: pendingBytes + bytes };
  }

  /** After all that came with the same look at the sockets, so that they share a frame. */
  #wake(): void {
    if (this.#isSending || this.#gathered.length === 0 || this.#underWay.size >= MAX_UNDER_WAY) return;
    this.#isSending = true;
    setImmediate(() => {
      this.#isSending = false;
      this.#send();
      this.#wake();
    });
  }

  #send(): void {
    const waiting = this.#nextFrame();
    this.#number = (this.#number + 1) % 2 ** 32;
    this.#underWay.set(this.#number, waiting);
    const bytes = waiting.reduce((sum, { entry }) => sum + LENGTH_BYTES + entry.length, 0);
    const [frame, payload] = newFrame(this.#number, bytes);
    let at = 0;
    for (const { entry } of waiting) {
      at = payload.writeUInt16BE(entry.length, at);
      payload.set(entry, at);
      at += entry.length;
    }
    this.#connected().write(frame);
  }

  /** As much of what gathered as the log takes in one block. */
  #nextFrame(): readonly Waiting[] {
    const { maxBatchEntries, maxPendingBytes } = this.#options.limits;
    const maxBytes = Math.min(MAX_FRAME_BYTES, maxPendingBytes);
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#gathered) {
      bytes += LENGTH_BYTES + entry.length;
      if (count > 0 && (count === maxBatchEntries || bytes > maxBytes)) break;
      count += 1;
    }
    const all = this.#gathered;
    this.#gathered = all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }

  #connected(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect({ path: this.#options.socketPath });
    const frames = new FrameReader(MAX_ANSWER_BYTES, (number, payload) => this.#answered(number, payload));
    let failure: Error | undefined; // owned by the handler of "error"
    socket.on("data", (piece: Buffer) => frames.push(piece));
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => {
      this.#socket = undefined;
      this.#lost(failure);
    });
    this.#socket = socket;
    return socket;
  }

  #answered(number: number, payload: Buffer): void {
    const waiting = this.#underWay.get(number);
    if (waiting === undefined) throw new InvariantError(`an answer to frame ${number}, which was not sent`);
    this.#end(number, waiting);
    try {
      answerAll(waiting, decodeAnswer(payload, waiting.length));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    this.#wake();
  }

  /** The writer is gone, so the log is closing: nothing was added if it was not even reached, else nobody can say. */
  #lost(failure: Error | undefined): void {
    const isUnreached = UNREACHED.has(codeOf(failure));
    const closing = new TlogError("LOG_CLOSING", "the log's writer takes no more requests", {
      cause: failure,
    });
    for (const [number, waiting] of this.#underWay) {
      this.#end(number, waiting);
      for (const { resolve, reject } of waiting) {
        if (isUnreached) reject(closing);
        else resolve(undefined);
      }
    }
    this.#wake();
  }

  #end(number: number, waiting: readonly Waiting[]): void {
    this.#underWay.delete(number);
    this.#hold(-waiting.length, -waiting.reduce((sum, { entry }) => sum + entry.length, 0));
  }
}

function answerAll(waiting: readonly Waiting[], added: AppendedBlock): void {
  for (const [at, appended] of appendedEach(added).entries()) waiting[at]?.resolve(appended);
}
