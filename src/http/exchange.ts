/**
 * A request and its answer without a framework: what the routes that are asked thousands of times a second are written over, once.
 * `app.request()` reaches them through hono (`exchange-hono.ts`), a plain request on a socket without it (`exchange-socket.ts`).
 */
import type { ServerResponse } from "node:http";
import type { Appended, AppendedBlock } from "../log/log.ts";
import type { Sink } from "../push/stream.ts";

export interface Exchange {
  readonly method: string;
  /** As the client wrote it, without the query: {@link rawPath}. */
  readonly path: string;
  /** What follows the first "?", or "". */
  readonly query: string;
  /** The values of a header joined as fetch joins them, or undefined. @param name - in lower case. */
  header(name: string): string | undefined;
  /** Whom the client addressed. */
  readonly site: Site;
  /** "1.0", "1.1"; undefined when no socket is behind it. */
  readonly httpVersion: string | undefined;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Aborts when the listener starts to close. */
  readonly closing: AbortSignal | undefined;
  /** Where the connection comes from; undefined when no socket is behind it. */
  readonly address: string | undefined;
  /** What this request is called in answers and log lines; undefined when no socket is behind it. */
  readonly requestId: string | undefined;
  /** Node's answer, for what must be known of its end; undefined when no socket is behind it. */
  readonly outgoing: Pick<ServerResponse, "closed" | "once"> | undefined;
  /**
   * Reads the body, once, without its transfer coding. When `take` throws, no more is read.
   * @param take - gets each piece as it comes, to keep if it likes.
   * @throws {TlogError} BODY_INCOMPLETE, and what `take` throws
   */
  readBody(take: (piece: Uint8Array) => void): Promise<void>;
}

/** Scheme, host and port that a request names. */
export interface Site {
  /** As in URL: "127.0.0.1", "log.example", "[::1]". */
  readonly hostname: string;
  /** "http://127.0.0.1:6962" */
  readonly origin: string;
}

export interface Answer {
  readonly status: number;
  /** A plain object with the headers' usual spelling; Content-Length is among them whenever there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Not changed by anybody from now on. */
  readonly body?: Uint8Array | string;
  /** Instead of a body: writes one that goes on until either side ends it. */
  readonly stream?: (sink: Sink) => void;
  /** What the log added for it, to be told of the request. */
  readonly added?: Appended | AppendedBlock | undefined;
}

export type HotHandler = (exchange: Exchange) => Answer | Promise<Answer>;

/** A route over exchanges. `HttpApp.hot` registers it for hono and for sockets alike. */
export interface HotRoute {
  /** GET answers HEAD too. */
  readonly method: "GET" | "POST";
  /** As hono writes it: "/checkpoint", "/tile/*" (whatever is below), "/entry/:index" (one segment below). */
  readonly path: string;
  /** Throws a TlogError for a problem. */
  readonly handle: HotHandler;
  /** How many of its answers go on. */
  readonly openStreams?: () => number;
}
