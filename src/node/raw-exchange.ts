/** One HTTP/1.1 request as it is written and one answer as it came: no redirect, no decoding, no repeat, everything bounded. */
import { type Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { type Agent as HttpsAgent, request as requestHttps } from "node:https";
import { TlogError } from "../errors.ts";
import { codeOf, messageOf } from "./errno.ts";

/** A server, and the sockets to it. */
export type RawServer =
  | { readonly isTls: false; readonly agent: HttpAgent; readonly host: string; readonly port: string }
  | { readonly isTls: true; readonly agent: HttpsAgent; readonly host: string; readonly port: string };

export interface RawRequest {
  readonly method: string;
  /** What stands in the request line: "/log/checkpoint". Printable ASCII without blanks. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface RawLimits {
  /** From the first byte sent, or the connecting before it, to the last one received. */
  readonly timeoutMs: number;
  /** Largest body of an answer. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Told once of all that the socket sent and received, whatever comes of it. */
  readonly meter: (bytes: number) => void;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** There was no answer, or half of one. */
export class NoAnswerError extends TlogError {
  /** "connect": no connection came about. "hung-up": the server was reached, and closed. */
  readonly kind: "connect" | "hung-up";

  constructor(kind: NoAnswerError["kind"], message: string, options?: { readonly cause?: unknown }) {
    super("REMOTE_UNREACHABLE", message, options);
    this.kind = kind;
  }
}

const MAX_HEADER_BYTES = 32 * 1024;
/** Answers of status 1xx before the one that counts. */
const MAX_INTERIM_ANSWERS = 20;

/** @throws {TlogError} REMOTE_UNREACHABLE ({@link NoAnswerError}) | REMOTE_TIMEOUT | REMOTE_TOO_LARGE | ABORTED */
export function exchangeRaw(server: RawServer, request: RawRequest, limits: RawLimits): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = start(server, request);
    const late = new TlogError("REMOTE_TIMEOUT", `no complete answer in ${limits.timeoutMs} ms`);
    const timer = setTimeout(() => fail(late), limits.timeoutMs);
    const stop = () => fail(new TlogError("ABORTED", "the request was given up"));
    let isSettled = false; // owned by settle()
    let isConnected = false; // owned by the socket's events
    let countBytes = () => 0; // owned by "socket"
    let interimAnswers = 0; // owned by "information"

    function settle(done: () => void): void {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      limits.signal.removeEventListener("abort", stop);
      limits.meter(countBytes());
      done();
      // A server that answers before it has taken the body may never take the rest: the socket is of no more use.
      if (!outgoing.writableFinished) outgoing.destroy();
    }
    function fail(error: TlogError): void {
      settle(() => {
        reject(error);
        outgoing.destroy();
      });
    }

    limits.signal.addEventListener("abort", stop, { once: true });
    if (limits.signal.aborted) stop();
    outgoing.on("socket", (socket) => {
      const before = socket.bytesRead + socket.bytesWritten;
      countBytes = () => socket.bytesRead + socket.bytesWritten - before;
      isConnected = !socket.connecting;
      if (isConnected) return;
      socket.once(server.isTls ? "secureConnect" : "connect", () => {
        isConnected = true;
      });
    });
    outgoing.on("information", () => {
      interimAnswers += 1;
      if (interimAnswers > MAX_INTERIM_ANSWERS)
        fail(tooLarge(`more than ${MAX_INTERIM_ANSWERS} interim answers`));
    });
    outgoing.on("error", (cause) => fail(noAnswer(cause, isConnected)));
    // 101 makes a connection of another kind of it, and an answer may end without an error being told.
    outgoing.on("upgrade", (_answer, socket) => socket.destroy());
    outgoing.on("close", () => fail(new NoAnswerError("hung-up", "connection closed without an answer")));
    outgoing.on("response", (incoming) => {
      readBody(incoming, limits, fail, (body) => {
        const answer = { status: incoming.statusCode ?? 0, headers: joinedHeaders(incoming), body };
        settle(() => resolve(answer));
      });
    });
    outgoing.end(request.body);
  });
}

function start({ isTls, host, port, agent }: RawServer, { method, target, headers }: RawRequest) {
  // `path` is written as it stands; only a URL would be normalised.
  const options = { host, port, method, path: target, headers, maxHeaderSize: MAX_HEADER_BYTES };
  return isTls ? requestHttps({ ...options, agent }) : requestHttp({ ...options, agent });
}

function readBody(
  incoming: IncomingMessage,
  { maxBytes }: RawLimits,
  fail: (error: TlogError) => void,
  done: (body: Uint8Array) => void,
): void {
  // Not a list of chunks: in chunks of a byte each, a small answer would take gigabytes.
  let room = new Uint8Array(0); // owned by "data"
  let length = 0; // owned by "data"
  incoming.on("data", (chunk: Uint8Array) => {
    const needed = length + chunk.length;
    if (needed > maxBytes) return fail(tooLarge(`a body of more than ${maxBytes} bytes`));
    if (needed > room.length) room = grown(room, Math.min(Math.max(needed, 2 * room.length), maxBytes));
    room.set(chunk, length);
    length = needed;
  });
  incoming.on("end", () => done(room.slice(0, length)));
  incoming.on("error", (cause) =>
    fail(
      new NoAnswerError("hung-up", `connection closed in the middle of the answer (${codeOf(cause)})`, {
        cause,
      }),
    ),
  );
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const room = new Uint8Array(length);
  room.set(bytes);
  return room;
}

/** Node drops repeats of some fields; here they are to be seen. */
function joinedHeaders({ rawHeaders }: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function noAnswer(cause: unknown, isConnected: boolean): TlogError {
  const code = codeOf(cause);
  if (code === "HPE_HEADER_OVERFLOW") return tooLarge(`headers of more than ${MAX_HEADER_BYTES} bytes`);
  if (code.startsWith("HPE_")) return new NoAnswerError("hung-up", `not an answer of HTTP/1.1 (${code})`);
  if (!isConnected) return new NoAnswerError("connect", `no connection (${reasonOf(cause)})`, { cause });
  return new NoAnswerError("hung-up", `connection closed without an answer (${code})`, { cause });
}

/** ECONNREFUSED says it all; what is wrong with a certificate only the message does. */
function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  return /^E[A-Z]+$/.test(code) ? code : `${code}: ${messageOf(cause)}`;
}

function tooLarge(what: string): TlogError {
  return new TlogError("REMOTE_TOO_LARGE", `the answer has ${what}`);
}
