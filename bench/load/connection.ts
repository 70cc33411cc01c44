import { connect, type Socket } from "node:net";
import { type Answer, AnswerMalformedError, AnswerParser } from "./answer-parser.ts";
import { SCRATCH_BYTES } from "./requests.ts";

const READ_BYTES = 65_536;
const RECONNECT_AFTER_MS = 20;

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly keepsBodies: boolean;
  /** The connection takes a request, for the first time or again. */
  onFree(connection: Connection): void;
  onAnswer(dueAtMs: number, answer: Answer): void;
  /** The request under way got no answer. */
  onError(dueAtMs: number, code: string): void;
  /** It was lost, or could not be made, with no request under way. */
  onIdleError(code: string): void;
}

/** A kept-alive connection with one request under way at a time; made anew when it is lost. */
export class Connection {
  readonly scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  readonly #options: ConnectionOptions;
  readonly #readBuffer = Buffer.allocUnsafe(READ_BYTES);
  #socket: Socket | undefined; // owned by #open()
  #dueAtMs: number | undefined; // of the request under way; set by send(), cleared when it ends
  #isOpen = false; // owned by #open() and #lose()
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#open();
  }

  /** When the request under way was due; undefined when there is none. */
  get dueAtMs(): number | undefined {
    return this.#dueAtMs;
  }

  /** Whether it can be written to: one that was lost says by onFree when it can again. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Only of a connection that is free. @param bytes - a view of `scratch`, or memory nobody writes to. */
  send(bytes: Buffer, dueAtMs: number): void {
    this.#dueAtMs = dueAtMs;
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #open(): void {
    if (this.#isClosed) return;
    const { host, port, keepsBodies } = this.#options;
    let failure = "closed";
    const parser = new AnswerParser((answer) => this.#take(answer, socket), { keepsBodies });
    // One buffer for all reads: what node:net hands over otherwise is allocated anew each time.
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: this.#readBuffer,
        callback: (length, buffer) => {
          try {
            parser.push(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          } catch (error) {
            if (!(error instanceof AnswerMalformedError)) throw error;
            failure = `malformed: ${error.message.trimEnd()}`;
            socket.destroy();
          }
          return true;
        },
      },
    });
    this.#socket = socket;
    socket.on("connect", () => {
      this.#isOpen = true;
      this.#options.onFree(this);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      failure = error.code ?? "error";
    });
    socket.on("close", () => this.#lose(failure));
  }

  #take(answer: Answer, socket: Socket): void {
    const dueAtMs = this.#dueAtMs;
    if (dueAtMs === undefined) {
      // Nobody asked: nothing after it can be told apart.
      this.#options.onIdleError("unasked");
      socket.destroy();
      return;
    }
    this.#dueAtMs = undefined;
    this.#options.onAnswer(dueAtMs, answer);
    if (answer.isLast) {
      this.#isOpen = false;
      socket.destroy();
    } else this.#options.onFree(this);
  }

  #lose(code: string): void {
    this.#isOpen = false;
    if (this.#isClosed) return;
    const dueAtMs = this.#dueAtMs;
    this.#dueAtMs = undefined;
    if (dueAtMs !== undefined) this.#options.onError(dueAtMs, code);
    else if (code !== "closed") this.#options.onIdleError(code);
    // Not at once: a server that refuses would be asked thousands of times a second.
    setTimeout(() => this.#open(), RECONNECT_AFTER_MS);
  }
}
