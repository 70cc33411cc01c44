import type { IncomingMessage, ServerResponse } from "node:http";
import { TlogError } from "../errors.ts";
import type { Answer, Exchange, Site } from "./exchange.ts";
import { untilQuery } from "./path.ts";
import type { AskedRequest } from "./request-log.ts";

/** An exchange straight over Node's request and answer. */
export class SocketExchange implements Exchange {
  readonly outgoing: ServerResponse;
  readonly site: Site;
  readonly closing: AbortSignal;
  readonly #incoming: IncomingMessage;
  readonly #asked: AskedRequest;
  #gone: AbortController | undefined; // owned by signal()

  constructor(from: {
    readonly incoming: IncomingMessage;
    readonly outgoing: ServerResponse;
    readonly asked: AskedRequest;
    readonly site: Site;
    readonly closing: AbortSignal;
  }) {
    this.#incoming = from.incoming;
    this.#asked = from.asked;
    this.outgoing = from.outgoing;
    this.site = from.site;
    this.closing = from.closing;
  }

  get method(): string {
    return this.#incoming.method ?? "";
  }

  get path(): string {
    return untilQuery(this.#incoming.url ?? "");
  }

  get query(): string {
    const target = this.#incoming.url ?? "";
    return target.slice(untilQuery(target).length + 1);
  }

  get httpVersion(): string {
    return this.#incoming.httpVersion;
  }

  get address(): string | undefined {
    return this.#incoming.socket.remoteAddress;
  }

  get requestId(): string {
    return this.#asked.id;
  }

  /** Made when it is asked for: few routes wait for anything that a client who left does not want any more. */
  get signal(): AbortSignal {
    if (this.#gone !== undefined) return this.#gone.signal;
    const gone = new AbortController();
    this.#gone = gone;
    if (this.outgoing.closed) gone.abort();
    else {
      // Who got the whole answer is not waited for any more; aborting for nobody costs an exception with its stack.
      this.outgoing.once("close", () => {
        if (!this.outgoing.writableFinished) gone.abort();
      });
    }
    return gone.signal;
  }

  header(name: string): string | undefined {
    const { headers, rawHeaders } = this.#incoming;
    const value = headers[name];
    // Node joins the values of a header as fetch does, but for some of which it keeps the first alone.
    return value === undefined || !KEPT_ONCE.has(name) ? stringOf(value) : rawHeader(rawHeaders, name);
  }

  readBody(take: (piece: Uint8Array) => void): Promise<void> {
    return readIncoming(this.#incoming, take);
  }
}

/** Of those that any route asks for, the headers whose further values IncomingMessage.headers leaves out. */
const KEPT_ONCE = new Set(["authorization", "content-length"]);

function stringOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Sends an answer. What is left of a body that was refused half way is thrown away, for a moment. */
export function sendAnswer(incoming: IncomingMessage, outgoing: ServerResponse, answer: Answer): void {
  if (!incoming.complete) outgoing.once("finish", () => discardRest(incoming));
  outgoing.writeHead(answer.status, answer.headers);
  const { body, stream } = answer;
  if (stream !== undefined) {
    stream(outgoing);
  } else if (body instanceof Uint8Array && body.length > PIECE_BYTES && isEncrypted(incoming)) {
    sendInPieces(outgoing, body);
  } else {
    outgoing.end(body);
  }
}

/** What TLS encrypts at once, and then holds until the reader takes it: a second copy of what is written. */
const PIECE_BYTES = 256 * 1024;

function isEncrypted({ socket }: IncomingMessage): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

function sendInPieces(outgoing: ServerResponse, body: Uint8Array): void {
  let at = 0; // owned by next()
  const next = (): void => {
    while (at + PIECE_BYTES < body.length) {
      if (outgoing.destroyed) return;
      const piece = body.subarray(at, at + PIECE_BYTES);
      at += PIECE_BYTES;
      if (!outgoing.write(piece)) {
        outgoing.once("drain", next);
        return;
      }
    }
    if (!outgoing.destroyed) outgoing.end(body.subarray(at));
  };
  next();
}

/** How long the rest of a refused body may take. As long as @hono/node-server waits. */
const DISCARD_MS = 500;

/** Node throws away what still comes of the body; a connection whose request does not end soon cannot take another, and is closed. */
export function discardRest(incoming: IncomingMessage): void {
  if (incoming.complete) return;
  const timer = setTimeout(() => {
    if (!incoming.complete) incoming.socket.destroySoon();
  }, DISCARD_MS);
  timer.unref();
  // Not the socket's: a connection that lives long would keep every such request.
  incoming.once("close", () => clearTimeout(timer));
}

/** The values of one header, in the order and with the separator fetch has. @param name - in lower case. */
function rawHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const other = rawHeaders[at] ?? "";
    if (other.length !== name.length || other.toLowerCase() !== name) continue;
    const value = rawHeaders[at + 1] ?? "";
    joined = joined === undefined ? value : `${joined}, ${value}`;
  }
  return joined;
}

function readIncoming(incoming: IncomingMessage, take: (piece: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    incoming.on("data", (piece: Uint8Array) => {
      try {
        take(piece);
      } catch (error) {
        incoming.removeAllListeners("data"); // sendAnswer() throws away the rest.
        reject(error);
      }
    });
    incoming.on("end", resolve);
    // Comes after every end; a connection that ends inside the body closes the stream without one.
    incoming.on("close", () => {
      if (incoming.readableEnded) return;
      const cause = incoming.errored;
      reject(new TlogError("BODY_INCOMPLETE", "the connection ended inside the body", { cause }));
    });
  });
}
