import { Agent, type IncomingMessage, type RequestListener, request, type ServerResponse } from "node:http";
import { TlogError } from "../errors.ts";
import { discardRest, sendAnswer } from "../http/exchange-socket.ts";
import { problemAnswer } from "../http/problem.ts";
import { codeOf } from "../node/errno.ts";
import { answerHeaders, hasBody, requestHeaders } from "./passed-on.ts";

/** A connection to the writer on which nothing moves this long is given up. Longer than a receipt is waited for. */
const INACTIVITY_MS = 120_000;
/** Idle connections kept; how many are busy is bounded by the reader's own connections, each with one request at a time. */
const MAX_IDLE = 256;

/** What a reader does not answer itself. */
export interface Passage {
  /** Has the writer answer: bodies flow both ways as fast as their receiver takes them, and end together. */
  readonly passOn: RequestListener;
  close(): void;
}

/** @param socketPath - where the writer listens for its readers. */
export function openPassage(socketPath: string): Passage {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: INACTIVITY_MS });
  return {
    passOn: (incoming, outgoing) => exchange({ agent, socketPath }, incoming, outgoing),
    close: () => agent.destroy(),
  };
}

function exchange(
  to: { readonly agent: Agent; readonly socketPath: string },
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const upstream = request({
    ...to,
    method: incoming.method,
    path: incoming.url,
    headers: requestHeaders(incoming),
    setHost: false,
  });
  let answer: IncomingMessage | undefined; // owned by the handler of "response"
  upstream.once("response", (response: IncomingMessage) => {
    answer = response;
    answerFrom(response, { incoming, outgoing });
    if (incoming.complete) return;
    // Refused before it was read: the rest is thrown away here as the writer would.
    incoming.unpipe(upstream);
    incoming.resume();
    outgoing.once("finish", () => discardRest(incoming));
    response.once("close", () => upstream.destroy());
  });
  upstream.once("timeout", () => upstream.destroy());
  upstream.on("error", (error) => {
    if (answer === undefined) refuse(error, { incoming, outgoing });
  });
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) upstream.destroy();
  });
  // A client that leaves inside its body: the writer must not take the part for the whole.
  incoming.once("error", () => upstream.destroy());
  if (!hasBody(incoming)) {
    upstream.end();
    return;
  }
  incoming.pipe(upstream);
  // Node sends the head with the first bytes of the body. When none came along with it, the verdict may need none.
  setImmediate(() => {
    if (!incoming.readableDidRead && !upstream.destroyed) upstream.flushHeaders();
  });
}

interface Sides {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

function answerFrom(response: IncomingMessage, { outgoing }: Sides): void {
  outgoing.writeHead(response.statusCode ?? 502, response.statusMessage, answerHeaders(response));
  // An answer cut short must not look whole.
  response.once("error", () => outgoing.destroy());
  response.pipe(outgoing);
}

/** The writer is gone, so the log is closing: nothing was added if it was not even reached, else nobody can say. */
function refuse(error: Error, { incoming, outgoing }: Sides): void {
  if (!UNREACHED.has(codeOf(error))) {
    outgoing.destroy();
    return;
  }
  const closing = new TlogError("LOG_CLOSING", "the log's writer takes no more requests", { cause: error });
  sendAnswer(incoming, outgoing, problemAnswer(closing, { method: incoming.method ?? "" }));
}

const UNREACHED = new Set(["ECONNREFUSED", "ENOENT"]);
