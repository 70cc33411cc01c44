import { fstatSync, writeSync } from "node:fs";

/** The part of a stream that lines need. */
export interface LineStream {
  readonly fd?: number;
  /** What was written and not taken yet, in bytes. */
  readonly writableLength?: number;
  write(text: string, done: (error?: unknown) => void): unknown;
}

/** The line that says how many are missing where it stands. */
export type LostLine = (count: number) => string;

/** Beyond this much that nobody has read, lines are lost, and counted. */
const MAX_HELD_BYTES = 1024 * 1024;
/**
 * PIPE_BUF of Linux: a pipe takes so much whole or not at all. Of more it takes a part when it is nearly full, and the lines of other processes
 * come in between: of the lines held, no more than this is under way at a time.
 */
const MAX_CHUNK_BYTES = 4096;
/** At the end: for the lines, then for the one that says how many were left. */
const LAST_LINES_MS = 1000;
const LAST_WORD_MS = 250;

interface Held {
  readonly text: string;
  readonly bytes: number;
  /** How many lines are lost with it. */
  readonly lines: number;
}

/** Lines on their way to whoever reads them, who may be slow: in order, whole, in bounded memory, and each one lost is counted. */
export class HeldLines {
  readonly #stream: LineStream;
  readonly #maxChunkBytes: number;
  #held: Held[] = []; // owned by #hold(), #sendChunk() and end()
  #heldBytes = 0; // owned by #hold(), #sendChunk() and end()
  #underWay = 0; // owned by #pass(): writes whose end was not heard of
  #lost = 0; // owned by write(), #sayLost(), #pass() and end()
  #lostLine: LostLine | undefined; // owned by write()
  #onEmpty: (() => void) | undefined; // owned by #isEmptyWithin()

  constructor(stream: LineStream) {
    const { fd } = stream;
    const isFile = fd !== undefined && isRegularFile(fd);
    this.#stream = isFile ? fileStream(fd) : stream;
    this.#maxChunkBytes = isFile ? 0 : MAX_CHUNK_BYTES; // A file takes each line at once, so that it is known which were lost.
  }

  /** @param lostLine - how to say that lines before this one are missing. */
  write(line: string, lostLine: LostLine): void {
    this.#lostLine = lostLine;
    // Once lines were lost there is room again when half of it is: else every other line would tell of lost ones.
    const room = this.#lost === 0 ? MAX_HELD_BYTES : MAX_HELD_BYTES / 2;
    if (this.#heldBytes > room) {
      this.#lost += 1;
      return;
    }
    this.#sayLost();
    this.#hold(line, 1);
    this.#send();
  }

  /** Something else that goes where the lines go; never lost for want of room. */
  say(text: string): void {
    this.#hold(text, 0);
    this.#send();
  }

  /** Resolves when all is written, or nobody took it for so long that the rest is given up, which is said if anybody hears it. */
  async end({ linesMs = LAST_LINES_MS, wordMs = LAST_WORD_MS } = {}): Promise<void> {
    this.#sayLost();
    if (await this.#isEmptyWithin(linesMs)) return;
    this.#lost += this.#held.reduce((sum, { lines }) => sum + lines, 0);
    const said = this.#held.filter(({ lines }) => lines === 0);
    this.#held = [];
    this.#heldBytes = 0;
    this.#sayLost();
    for (const { text } of said) this.#hold(text, 0);
    await this.#isEmptyWithin(wordMs);
  }

  #sayLost(): void {
    if (this.#lost === 0 || this.#lostLine === undefined) return;
    this.#hold(this.#lostLine(this.#lost), this.#lost);
    this.#lost = 0;
  }

  #hold(text: string, lines: number): void {
    const bytes = Buffer.byteLength(text);
    this.#held.push({ text, bytes, lines });
    this.#heldBytes += bytes;
  }

  #isBusy(): boolean {
    return (this.#stream.writableLength ?? 0) > 0;
  }

  #send(): void {
    while (this.#held.length > 0 && !this.#isBusy()) this.#sendChunk();
    if (!this.#isBusy()) this.#onEmpty?.();
    else if (this.#underWay === 0) this.#pass("", 0); // Behind what others wrote to the stream.
  }

  #sendChunk(): void {
    let count = 0;
    let bytes = 0;
    for (const held of this.#held) {
      if (count > 0 && bytes + held.bytes > this.#maxChunkBytes) break;
      count += 1;
      bytes += held.bytes;
    }
    const chunk = this.#held.splice(0, count);
    this.#heldBytes -= bytes;
    this.#pass(
      chunk.map(({ text }) => text).join(""),
      chunk.reduce((sum, { lines }) => sum + lines, 0),
    );
  }

  #pass(text: string, lines: number): void {
    this.#underWay += 1;
    this.#stream.write(text, (error) => {
      this.#underWay -= 1;
      if (error) this.#lost += lines;
      else if (this.#held.length === 0) this.#sayLost(); // After an error the next line finds out whether anybody listens.
      this.#send();
    });
  }

  async #isEmptyWithin(milliseconds: number): Promise<boolean> {
    return await new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), milliseconds);
      this.#onEmpty = () => {
        clearTimeout(late);
        resolve(true);
      };
      this.#send();
    });
  }
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/**
 * A file on a disk that fills takes a part of what is written, which Node's own stream does not see: here a line is written whole, or failed. One
 * that was cut off is ended before the next.
 */
export function fileStream(fd: number, write: typeof writeSync = writeSync): LineStream {
  let isCut = false; // owned by write()
  return {
    write(text, done) {
      const bytes = Buffer.from(isCut ? `\n${text}` : text);
      let taken = 0;
      try {
        while (taken < bytes.length) taken += write(fd, bytes, taken);
      } catch (error) {
        if (taken > 0) isCut = bytes[taken - 1] !== NEWLINE;
        done(error);
        return;
      }
      isCut = false;
      done();
    },
  };
}

const NEWLINE = 0x0a;
