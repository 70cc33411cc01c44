/** What clients may cost. Names no library, so that programs can name these types without hono's. */

/** What requests may cost together. */
export interface HttpLimits {
  /** Largest body of POST /add-batch. */
  readonly maxBatchBytes: number;
  /** Bytes of batches, in total, that may be held while they are received and integrated; beyond it 429. */
  readonly maxIncomingBytes: number;
  /** The longest `Prefer: wait` that is honoured; also how long a receipt is waited for when the client names no time. */
  readonly maxWaitMs: number;
  /** Requests that may wait for a receipt at the same time; others are answered 202 at once. */
  readonly maxWaiting: number;
  /** Bytes of bundles, in total, that may be on their way to readers; beyond it 503. */
  readonly maxOutgoingBytes: number;
  /** Bundles compressed at the same time; others go out uncompressed. */
  readonly maxConcurrentGzips: number;
  /** Who may listen to GET /events at the same time; others get 503, and ask again and again instead. */
  readonly maxStreams: number;
  /** Of those, with entries. */
  readonly maxEntryStreams: number;
  /** How many leaves behind the newest checkpoint a stream with entries may begin. */
  readonly maxEntriesBehind: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  maxBatchBytes: 8 * 1024 * 1024,
  maxIncomingBytes: 64 * 1024 * 1024,
  maxOutgoingBytes: 256 * 1024 * 1024,
  maxConcurrentGzips: 4,
  maxWaitMs: 60_000,
  maxWaiting: 4096,
  maxStreams: 4096,
  maxEntryStreams: 256,
  maxEntriesBehind: 65_536,
});

/** What requests to a witness may cost together. */
export interface WitnessHttpLimits {
  /** add-checkpoint and sign-subtree that may be verified and cosigned at the same time; others are answered 503 at once. */
  readonly maxConcurrentRequests: number;
  /** Bytes of bodies above 16 KiB, in total, that may be held while they are received and worked on; beyond it 503. */
  readonly maxIncomingBytes: number;
  /** Evidence files that may be verified at the same time; beyond it 503. */
  readonly maxConcurrentEvidence: number;
  /** Evidence files about one log whose signatures are checked in one minute; beyond it 429. */
  readonly maxEvidencePerMinute: number;
  /** Bytes of evidence, in total, that may be on their way to readers; beyond it 503. */
  readonly maxOutgoingBytes: number;
  /** Logs on one page of /witness.json. */
  readonly maxLogsPerPage: number;
}

export const DEFAULT_WITNESS_HTTP_LIMITS: WitnessHttpLimits = Object.freeze({
  maxConcurrentRequests: 512,
  maxIncomingBytes: 32 * 1024 * 1024,
  maxConcurrentEvidence: 4,
  maxEvidencePerMinute: 600,
  maxOutgoingBytes: 32 * 1024 * 1024,
  maxLogsPerPage: 250,
});

/** What one connection, and all of them, may cost. Times in milliseconds. */
export interface ListenLimits {
  /** From the first byte of a request to the end of its headers; then 408. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body; then 408. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept. Longer than the 60 s of common proxies, so that they close first. */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which nothing moves this long, in either direction, is closed: readers that stop reading. */
  readonly inactivityTimeoutMs: number;
  /** How often the two request timeouts are looked at. */
  readonly timeoutCheckIntervalMs: number;
  readonly maxConnections: number;
  /** Request line and headers together; then 431. */
  readonly maxHeaderBytes: number;
  /** Requests of one connection that may be unanswered (pipelining); a connection with more is closed. */
  readonly maxPipelinedRequests: number;
  /** After so many the connection is closed, so that long-lived clients spread anew; 0: never. */
  readonly maxRequestsPerConnection: number;
  /** Connections the kernel queues before they are accepted. */
  readonly backlog: number;
}

export const DEFAULT_LISTEN_LIMITS: ListenLimits = Object.freeze({
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  inactivityTimeoutMs: 120_000,
  timeoutCheckIntervalMs: 5_000,
  maxConnections: 8192,
  maxHeaderBytes: 16 * 1024,
  maxPipelinedRequests: 64,
  maxRequestsPerConnection: 0,
  backlog: 4096,
});
