/** One server under test, reached over HTTP with nothing between that would tidy up what is sent or what comes back. */

/** A request exactly as it goes out. */
export interface ProbeRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "OPTIONS";
  /** Below the server's prefix, without a leading slash, sent as it stands: "tile/0/x001/../000". ASCII without blanks. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An answer exactly as it came: no redirect followed, no Content-Encoding undone. */
export interface ProbeAnswer {
  readonly status: number;
  /** By lower-case name; values of repeated fields are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** The way to a server. It paces requests and bounds how many there are, how long each takes and how much comes back. */
export interface Probe {
  /** Where it points: with a trailing slash. */
  readonly url: string;
  /**
   * @throws {TlogError} REMOTE_UNREACHABLE (also a connection that the server closed without an answer) | REMOTE_TIMEOUT |
   *   REMOTE_TOO_LARGE | PROBE_EXHAUSTED (all requests or bytes that this run may use are used) | ABORTED
   */
  exchange(request: ProbeRequest): Promise<ProbeAnswer>;
  /** Requests sent so far. */
  readonly requests: () => number;
}
