/**
 * The one way out to the network: every request is bounded in time and in bytes, can be aborted, and is repeated when the
 * log pushes back. What comes back is bytes; nothing here trusts or interprets them.
 */
import { TlogError } from "../src/errors.ts";
import { DEFAULT_RETRY, parseRetryAfter, type RetryLimits, retryDelayMs } from "./backoff.ts";
import { readBounded } from "./bounded-body.ts";
import { RemoteRefusedError } from "./errors.ts";
import { linkedController, raceAbort, type Sleep, sleepOnTimer, throwIfAborted } from "./waiting.ts";

/** The part of `fetch` this client uses: the global one fits, so does a wrapper that adds headers or a proxy. */
export type FetchFunction = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: Uint8Array<ArrayBuffer>;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** How requests are made. Everything has a default; clock, chance and network can be replaced. */
export interface FetcherOptions {
  /** Default: the global fetch. */
  readonly fetch?: FetchFunction;
  /** Longest time for one attempt, the body included, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** Default: 4 attempts, waits of up to 250 ms doubling to 8 s, Retry-After honoured up to 15 s. */
  readonly retry?: Partial<RetryLimits>;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
  /** In [0, 1), for jitter. Default: Math.random. */
  readonly random?: () => number;
  /** Default: setTimeout. Both timeouts and waits use it. */
  readonly sleep?: Sleep;
}

/** One request; everything that is not an answer with status 2xx, or one of `answers`, is thrown. */
export interface RemoteRequest {
  /** Below the log's URL, without a leading slash: "tile/0/000". */
  readonly path: string;
  /** Present: POST. Kept until the request settles. */
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Largest body to accept, in bytes, after Content-Encoding is undone. */
  readonly maxBytes: number;
  /** How long the request asks the server to wait before it answers; added to the timeout. */
  readonly serverWaitMs?: number;
  /**
   * Default "always". "if-refused": only after 429 and 503, which promise that nothing was done; for what must not be done
   * twice, when the network or a gateway (502, 504) leaves it open.
   */
  readonly repeat?: "always" | "if-refused";
  /** Statuses beside 2xx that are answers too, and come back with their body. Default: none. */
  readonly answers?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export interface RemoteResponse {
  readonly status: number;
  /** Without parameters, in lower case; empty when absent. */
  readonly mediaType: string;
  readonly body: Uint8Array;
  readonly retryAfterMs: number | undefined;
}

export interface TimeLimit {
  readonly timeoutMs: number;
  /** Thrown when the time is over. */
  readonly late: TlogError;
  readonly signal: AbortSignal | undefined;
}

export interface Fetcher {
  /**
   * Repeats a request that the network or the log's push-back (429, 502, 503, 504) stopped, as far as its `repeat` allows.
   * @throws {TlogError} REMOTE_UNREACHABLE | REMOTE_TIMEOUT | REMOTE_REFUSED ({@link RemoteRefusedError}) |
   *   REMOTE_TOO_LARGE | ABORTED
   */
  request(request: RemoteRequest): Promise<RemoteResponse>;
  /** The bare answer to a GET, whose body may have no end: neither its time nor its bytes are bounded, and no status is thrown. */
  open(request: {
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
  }): Promise<Response>;
  readonly now: () => number;
  readonly random: () => number;
  /** Does `work` with a signal that aborts with the caller's, or when its time is over. @throws `late`, ABORTED, or as `work` */
  within<T>(limit: TimeLimit, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Waits; rejects with ABORTED when the signal aborts. */
  pause(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

type Settings = Required<Omit<FetcherOptions, "retry">> & {
  readonly baseUrl: string;
  readonly retry: RetryLimits;
};

/**
 * @param url - of the log, http: or https:, with or without a trailing slash; no query, no credentials.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function openFetcher(url: string, options: FetcherOptions = {}): Fetcher {
  const settings: Settings = {
    baseUrl: normalizeBaseUrl(url),
    // Called as a plain function: browsers refuse a fetch whose `this` is not the global object.
    fetch: options.fetch ?? ((target, init) => globalThis.fetch(target, init)),
    timeoutMs: options.timeoutMs ?? 30_000,
    retry: { ...DEFAULT_RETRY, ...options.retry },
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
    sleep: options.sleep ?? sleepOnTimer,
  };
  return {
    request: (request) => requestWithRetries(request, settings),
    open: ({ path, ...rest }) =>
      settings.fetch(settings.baseUrl + path, { method: "GET", redirect: "manual", ...rest }),
    now: settings.now,
    random: settings.random,
    within: (limit, work) => within(limit, settings.sleep, work),
    pause: (ms, signal) => pause(ms, signal, settings.sleep),
  };
}

function normalizeBaseUrl(url: string): string {
  if (!URL.canParse(url)) throw new TlogError("ARGUMENT_INVALID", `url: want an absolute URL, got ${url}`);
  const parsed = new URL(url);
  if (
    !["http:", "https:"].includes(parsed.protocol) ||
    parsed.search ||
    parsed.hash ||
    parsed.username ||
    parsed.password
  ) {
    throw new TlogError("ARGUMENT_INVALID", "url: want http(s), no credentials, query, fragment");
  }
  return parsed.href.endsWith("/") ? parsed.href : `${parsed.href}/`;
}

async function requestWithRetries(request: RemoteRequest, settings: Settings): Promise<RemoteResponse> {
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(request.signal);
    try {
      return await requestOnce(request, settings);
    } catch (error) {
      const delayMs = retryDelayMs(error, attempt, settings.retry, settings.random);
      if (delayMs === undefined || (request.repeat === "if-refused" && !isUndone(error))) throw error;
      await pause(delayMs, request.signal, settings.sleep);
    }
  }
}

/** The log itself said no: it did nothing. */
function isUndone(error: unknown): boolean {
  return error instanceof RemoteRefusedError && (error.status === 429 || error.status === 503);
}

async function requestOnce(request: RemoteRequest, settings: Settings): Promise<RemoteResponse> {
  const timeoutMs = settings.timeoutMs + (request.serverWaitMs ?? 0);
  const late = new TlogError("REMOTE_TIMEOUT", `${request.path}: no answer in ${timeoutMs} ms`);
  const limits = { timeoutMs, late, signal: request.signal };
  return within(limits, settings.sleep, async (signal) => {
    try {
      return await exchange(request, settings, signal);
    } catch (error) {
      if (error instanceof TlogError) throw error;
      const reason = describeFailure(error);
      throw new TlogError("REMOTE_UNREACHABLE", `${settings.baseUrl}${request.path}: ${reason}`, {
        cause: error,
      });
    }
  });
}

/** Raced, because a fetch or a cache that was handed in may ignore its signal. */
async function within<T>(
  { timeoutMs, late, signal }: TimeLimit,
  sleep: Sleep,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { controller, release } = linkedController(signal);
  // Ends with the work: the abort below wakes it up.
  void sleep(timeoutMs, controller.signal).then(() => controller.abort(late));
  try {
    return await raceAbort(work(controller.signal), controller.signal);
  } finally {
    release();
    controller.abort();
  }
}

async function exchange(
  request: RemoteRequest,
  settings: Settings,
  signal: AbortSignal,
): Promise<RemoteResponse> {
  const response = await settings.fetch(settings.baseUrl + request.path, {
    method: request.body === undefined ? "GET" : "POST",
    headers: { ...request.headers },
    // Copied: the types of the platforms want a body over an ArrayBuffer that is not shared.
    ...(request.body === undefined ? {} : { body: new Uint8Array(request.body) }),
    redirect: "manual",
    signal,
  });
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), settings.now());
  const mediaType = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const redirected = response.redirected || response.type === "opaqueredirect";
  const isAnswer = response.ok || request.answers?.includes(response.status) === true;
  if (isAnswer && !redirected) {
    const body = await readBounded(response.body, request.maxBytes, signal);
    return { status: response.status, mediaType, body, retryAfterMs };
  }
  const reason = redirected || (response.status >= 300 && response.status < 400) ? "a redirect" : "";
  const { problemCode, detail } = await readProblem(response, mediaType, signal);
  const answer =
    reason || [response.status, problemCode, detail].filter((part) => part !== undefined).join(" ");
  throw new RemoteRefusedError({
    message: `${request.path}: the server answered ${answer}`,
    status: response.status,
    problemCode,
    retryAfterMs,
  });
}

/** What a problem body (RFC 9457) says, nothing for any other body: it only explains a refusal that stands anyway. */
async function readProblem(
  response: Response,
  mediaType: string,
  signal: AbortSignal,
): Promise<{ readonly problemCode?: string | undefined; readonly detail?: string | undefined }> {
  if (mediaType !== "application/problem+json") {
    await response.body?.cancel().catch(() => {});
    return {};
  }
  try {
    const body = await readBounded(response.body, 16_384, signal);
    const { code, detail }: { code?: unknown; detail?: unknown } = Object(
      JSON.parse(new TextDecoder().decode(body)),
    );
    return {
      problemCode: typeof code === "string" && /^[A-Z_]{1,64}$/.test(code) ? code : undefined,
      // Somebody else's words: one line of visible characters, and no more than a line.
      detail: typeof detail === "string" && /^[ -~]{1,300}$/.test(detail) ? `(${detail})` : undefined,
    };
  } catch {
    return {};
  }
}

async function pause(ms: number, signal: AbortSignal | undefined, sleep: Sleep): Promise<void> {
  const { controller, release } = linkedController(signal);
  await sleep(ms, controller.signal);
  release();
  throwIfAborted(signal);
}

/** fetch says only "fetch failed"; the reason (ECONNREFUSED, a bad certificate) is in its cause. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  const { cause } = error;
  return cause instanceof Error && cause.message !== ""
    ? `${error.message} (${cause.message.trim()})` // that of TLS ends in a newline
    : error.message;
}
