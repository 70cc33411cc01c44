/** HTTP/1.1 answers out of a stream of chunks that may end anywhere.  RFC 9112 §6.3, answers of a Content-Length only */

/** One whole answer. */
export interface Answer {
  readonly status: number;
  readonly bodyBytes: number;
  /** Empty unless bodies are kept. */
  readonly body: Buffer;
  /** The server will close the connection after it. */
  readonly isLast: boolean;
}

export class AnswerMalformedError extends Error {}

const HEAD_END = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 65_536;
const EMPTY = Buffer.alloc(0);

export class AnswerParser {
  readonly #onAnswer: (answer: Answer) => void;
  readonly #keepsBodies: boolean;
  // All owned by push() and what it calls.
  #head: Buffer = EMPTY;
  #isInBody = false;
  #status = 0;
  #isLast = false;
  #bodyBytes = 0;
  #missing = 0;
  #kept: Buffer[] = [];

  constructor(onAnswer: (answer: Answer) => void, options: { readonly keepsBodies: boolean }) {
    this.#onAnswer = onAnswer;
    this.#keepsBodies = options.keepsBodies;
  }

  /** Whether an answer has begun and not ended. */
  get isWithin(): boolean {
    return this.#isInBody || this.#head.length > 0;
  }

  /**
   * @param chunk - not kept.
   * @throws {AnswerMalformedError} a head that is none, longer than 64 KiB, or without Content-Length.
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#isInBody) at = this.#takeBody(chunk, at);
      else at = this.#takeHead(chunk, at);
    }
  }

  #takeHead(chunk: Buffer, at: number): number {
    if (this.#head.length === 0) {
      const end = chunk.indexOf(HEAD_END, at);
      if (end >= 0) {
        this.#begin(chunk.toString("latin1", at, end + 2));
        return end + HEAD_END.length;
      }
    }
    // The head, or the four bytes at its end, are split: byte order is kept by joining what came.
    const before = this.#head.length;
    const joined = Buffer.concat([this.#head, chunk.subarray(at)]);
    const end = joined.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length));
    if (end < 0) {
      if (joined.length > MAX_HEAD_BYTES)
        throw new AnswerMalformedError(`a head of more than ${MAX_HEAD_BYTES} bytes`);
      this.#head = joined;
      return chunk.length;
    }
    this.#head = EMPTY;
    this.#begin(joined.toString("latin1", 0, end + 2));
    return at + (end + HEAD_END.length - before);
  }

  #begin(head: string): void {
    const status = /^HTTP\/1\.[01] ([1-5]\d\d)[ \r]/.exec(head)?.[1];
    if (status === undefined) throw new AnswerMalformedError(`no status line: ${head.slice(0, 80)}`);
    this.#status = Number(status);
    if (this.#status < 200) return; // an interim answer has no body, and the answer follows
    const isBodiless = this.#status === 204 || this.#status === 304;
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(head)?.[1];
    if (length === undefined && !isBodiless) {
      throw new AnswerMalformedError(`an answer ${this.#status} without Content-Length`);
    }
    this.#isLast = /\r\nconnection:[ \t]*close[ \t]*\r\n/i.test(head) || head.startsWith("HTTP/1.0");
    this.#bodyBytes = isBodiless ? 0 : Number(length);
    this.#missing = this.#bodyBytes;
    if (this.#missing === 0) this.#end();
    else this.#isInBody = true;
  }

  #takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#missing, chunk.length - at);
    // Copied: chunks may be views of a buffer that is read into again.
    if (this.#keepsBodies) this.#kept.push(Buffer.from(chunk.subarray(at, at + taken)));
    this.#missing -= taken;
    if (this.#missing === 0) this.#end();
    return at + taken;
  }

  #end(): void {
    const body = this.#kept.length === 0 ? EMPTY : Buffer.concat(this.#kept);
    this.#kept = [];
    this.#isInBody = false;
    this.#onAnswer({ status: this.#status, bodyBytes: this.#bodyBytes, body, isLast: this.#isLast });
  }
}
