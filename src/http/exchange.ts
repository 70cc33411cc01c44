/**
 * A request and its answer without a framework: what the routes that are asked thousands of times a second are written over, once.
 * `app.request()` reaches them through hono, a socket without it.
 */

export interface Exchange {
  readonly method: string;
  /** As the client wrote it, without the query: {@link rawPath}. */
  readonly path: string;
  /** What follows the first "?", or "". */
  readonly query: string;
  /** The values of a header joined as fetch joins them, or undefined. @param name - in lower case. */
  header(name: string): string | undefined;
  /** "1.0", "1.1"; undefined when no socket is behind it. */
  readonly httpVersion: string | undefined;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Aborts when the listener starts to close. */
  readonly closing: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  /** A plain object with the headers' usual spelling; Content-Length is among them whenever there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Not changed by anybody from now on. */
  readonly body?: Uint8Array | string;
}
