/** How a request looks between a reader and the writer: as the client wrote it, but for what concerns one connection alone. */
import type { IncomingMessage } from "node:http";
import { AskedRequest, REQUEST_ID_HEADER } from "../http/request-log.ts";

/** The HTTP version the client spoke, where it is not 1.1: it decides who may write. Nobody else's header has this name, see below. */
const VERSION_HEADER = "x-bristlecone-http-version";

/** Each request gets its name where it comes in. */
const ID_HEADER = REQUEST_ID_HEADER.toLowerCase();

/**
 * RFC 9110 §7.6.1, and `Expect`, which the reader has answered. None of them says anything to a log. What `Connection` names
 * beside them stays: a client that calls the mark of its proxy a matter of the connection must be refused all the same.
 */
const OF_ONE_CONNECTION = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  VERSION_HEADER,
  ID_HEADER,
]);

/** Names and values in turn, for `http.request`: as they came, in order, repeats and spelling included. */
export function requestHeaders(incoming: IncomingMessage): string[] {
  const headers: string[] = [];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const name = incoming.rawHeaders[at] ?? "";
    if (!OF_ONE_CONNECTION.has(name.toLowerCase())) headers.push(name, incoming.rawHeaders[at + 1] ?? "");
  }
  headers.push(ID_HEADER, new AskedRequest(incoming, { isPassedOn: false }).id);
  if (incoming.httpVersion !== "1.1") headers.push(VERSION_HEADER, incoming.httpVersion);
  // Without a length Node would announce chunks, which the client did not.
  if (!hasBody(incoming) && !BODILESS.has(incoming.method ?? "") && !isLengthSaid(incoming)) {
    headers.push("Content-Length", "0");
  }
  return headers;
}

/** Methods for which Node announces no body by itself. */
const BODILESS = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && !/^0+$/.test(length));
}

function isLengthSaid({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined;
}

/** Undoes {@link requestHeaders}, in the writer: the request is again what the client sent to the reader. */
export function restoreRequest(incoming: IncomingMessage): void {
  const { rawHeaders } = incoming;
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name === VERSION_HEADER);
  if (at === -1) return;
  const [, version = "1.1"] = rawHeaders.splice(at, 2);
  delete incoming.headers[VERSION_HEADER];
  incoming.httpVersion = version;
}

/** The answer's headers for the client: the reader frames its body anew. */
export function answerHeaders({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.filter((_, at) => {
    const name = rawHeaders[at - (at % 2)] ?? "";
    return !FRAMING.has(name.toLowerCase());
  });
}

const FRAMING = new Set(["connection", "keep-alive", "transfer-encoding"]);
