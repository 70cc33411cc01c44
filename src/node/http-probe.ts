/** The way of the conformance tester to a server: raw, one request at a time, paced, and with an end to everything. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Probe, ProbeAnswer, ProbeRequest } from "../conformance/probe.ts";
import { TlogError } from "../errors.ts";
import { parseDecimal } from "../tlog/encoding.ts";
import { packageVersion } from "./package-version.ts";
import { exchangeRaw, NoAnswerError, type RawRequest, type RawServer } from "./raw-exchange.ts";
import { openTraffic, type Traffic, type TrafficLimits } from "./traffic.ts";

/** One server, and what may be sent to it. */
export interface HttpProbeTarget {
  /** http: or https:, with or without a trailing slash; no query, no credentials. */
  readonly url: string;
  /** Others are refused here, whatever the cases say. Default: all. */
  readonly allowedMethods?: readonly ProbeRequest["method"][];
  /** Requests without a body that are allowed all the same. */
  readonly exceptions?: readonly Pick<ProbeRequest, "method" | "path">[];
  /** 429 is an answer as any other: whoever asks here waits and repeats himself. */
  readonly handsOnPushBack?: true;
  /** Sent with every request: Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpProbeOptions extends HttpProbeTarget, TrafficLimits {
  /** For one request and its whole answer. */
  readonly timeoutMs: number;
  /** Largest body of one answer. */
  readonly maxAnswerBytes: number;
}

export interface HttpProbe extends Probe {
  /** Another URL, with the same pace and within the same totals: requests to all of them go out one at a time. */
  beside(target: HttpProbeTarget): HttpProbe;
  /** Answers received so far from this URL. */
  readonly answers: () => number;
  /** Bytes sent and received so far. */
  readonly bytes: () => number;
  /** Why the last request to this URL had no answer; undefined when it had one. */
  readonly failure: () => TlogError | undefined;
  /** Why nothing more can be asked: an error of code PROBE_EXHAUSTED. */
  readonly end: () => TlogError | undefined;
  close(): Promise<void>;
}

/** What requests without an answer cost; at 0 the probe gives up. An answer restores it all. */
const PATIENCE = 12;
/** Before the server has ever answered. */
const FIRST_PATIENCE = 3;
const COST_OF_SILENCE = 3;
/** A server may close on what it does not like: that alone does not mean that it is gone. */
const COST_OF_HANG_UP = 1;
/** How often one request is repeated because the server says that it has too many. */
const MAX_PUSH_BACKS = 2;
const MAX_RETRY_AFTER_SECONDS = 30;
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT"]);

/**
 * Opens the way to a server. Answers come as they are, with one exception: after 429 the request is repeated, later and then at half
 * the pace, before the 429 is handed on.
 * @throws {TlogError} ARGUMENT_INVALID for a URL that is none. `exchange` throws METHOD_NOT_ALLOWED for what this probe must not
 *   send and ARGUMENT_INVALID for a path that no request line can carry, beside what {@link Probe} says.
 */
export function openHttpProbe(options: HttpProbeOptions): HttpProbe {
  return probeWithin(openTraffic(options), options, options);
}

function probeWithin(
  traffic: Traffic,
  target: HttpProbeTarget,
  limits: Pick<HttpProbeOptions, "timeoutMs" | "maxAnswerBytes" | "signal">,
): HttpProbe {
  const base = baseUrl(target.url);
  const server = serverOf(base);
  const patience = openPatience(base.href);
  const maxPushBacks = target.handsOnPushBack ? 0 : MAX_PUSH_BACKS;
  let answers = 0; // owned by exchangeInTurn()
  let end: TlogError | undefined; // owned by exchangeInTurn()

  async function sendOnce(request: RawRequest): Promise<ProbeAnswer> {
    const left = await traffic.admit(request.body?.length ?? 0);
    const maxBytes = Math.min(limits.maxAnswerBytes, left);
    const isLast = maxBytes === left;
    return exchangeRaw(server, request, { ...limits, maxBytes, meter: traffic.meter }).catch((error) => {
      throw isLast && hasCode(error, "REMOTE_TOO_LARGE") ? traffic.usedUp("bytes") : error;
    });
  }

  async function sendPatiently(request: RawRequest): Promise<ProbeAnswer> {
    for (let pushBacks = 0; ; pushBacks++) {
      const answer = await sendOnce(request).catch((error) => {
        if (!isWorthRepeating(error, request.method)) throw error;
        return sendOnce(request);
      });
      if (answer.status !== 429 || pushBacks >= maxPushBacks) return answer;
      await traffic.slowDown(retryAfterMs(answer));
    }
  }

  async function exchangeInTurn(request: RawRequest): Promise<ProbeAnswer> {
    try {
      patience.assertLeft();
      const answer = await sendPatiently(request);
      answers += 1;
      patience.answered();
      return answer;
    } catch (error) {
      if (hasCode(error, "PROBE_EXHAUSTED")) end = error;
      patience.failed(error);
      throw error;
    }
  }

  return {
    url: base.href,
    requests: traffic.requests,
    bytes: traffic.bytes,
    answers: () => answers,
    failure: patience.failure,
    end: () => end,
    beside: (other) => probeWithin(traffic, other, limits),
    async exchange(request) {
      assertAllowed(request, target);
      const raw = rawRequest(request, base, target.headers);
      return traffic.inTurn(() => exchangeInTurn(raw));
    },
    async close() {
      server.agent.destroy();
    },
  };
}

/** How long a server that does not answer is asked on. */
function openPatience(url: string) {
  let left = FIRST_PATIENCE;
  let failure: TlogError | undefined;
  return {
    failure: () => failure,
    assertLeft(): void {
      if (left > 0) return;
      throw new TlogError("PROBE_EXHAUSTED", `${url} does not answer: ${failure?.message ?? ""}`);
    },
    answered(): void {
      left = PATIENCE;
      failure = undefined;
    },
    failed(error: unknown): void {
      if (!hasCode(error, "REMOTE_UNREACHABLE") && !hasCode(error, "REMOTE_TIMEOUT")) return;
      failure = error;
      const isHangUp = error instanceof NoAnswerError && error.kind !== "connect";
      left -= isHangUp ? COST_OF_HANG_UP : COST_OF_SILENCE;
    },
  };
}

function baseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isPlain =
    parsed !== undefined &&
    ["http:", "https:"].includes(parsed.protocol) &&
    parsed.search + parsed.hash + parsed.username + parsed.password === "";
  if (!isPlain) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `want an http:// or https:// URL without credentials, query or fragment, got ${url}`,
    );
  }
  if (!parsed.pathname.endsWith("/")) parsed.pathname += "/";
  return parsed;
}

function serverOf({ protocol, hostname, port }: URL): RawServer {
  const host = hostname.replace(/^\[|\]$/g, "");
  const sockets = { keepAlive: true, maxSockets: 1 };
  return protocol === "https:"
    ? { isTls: true, agent: new HttpsAgent(sockets), host, port: port || "443" }
    : { isTls: false, agent: new HttpAgent(sockets), host, port: port || "80" };
}

function assertAllowed({ method, path, body }: ProbeRequest, target: HttpProbeTarget): void {
  const { allowedMethods, exceptions = [] } = target;
  if (allowedMethods === undefined || allowedMethods.includes(method)) return;
  const isExcepted = exceptions.some((other) => other.method === method && other.path === path);
  if (isExcepted && body === undefined) return;
  const allowed = allowedMethods.join(", ");
  throw new TlogError("METHOD_NOT_ALLOWED", `this run may send ${allowed}, not ${method} ${path}`);
}

function rawRequest(
  { method, path, headers, body }: ProbeRequest,
  base: URL,
  always: Readonly<Record<string, string>> = {},
): RawRequest {
  if (!/^[!-~]*$/.test(path))
    throw new TlogError("ARGUMENT_INVALID", "path: want printable ASCII without blanks");
  const target = base.pathname + path;
  return { method, target, headers: { "user-agent": userAgent(), ...always, ...headers }, body };
}

function userAgent(): string {
  return `bristlecone-conformance/${packageVersion()} (black-box tester of C2SP documents)`;
}

/** The server closed a kept socket while the request was on its way to it: its answer is still to be had. */
function isWorthRepeating(error: unknown, method: string): boolean {
  return error instanceof NoAnswerError && error.kind === "stale" && IDEMPOTENT.has(method);
}

function retryAfterMs({ headers }: ProbeAnswer): number {
  try {
    return 1000 * parseDecimal(headers.get("retry-after") ?? "1", { max: MAX_RETRY_AFTER_SECONDS });
  } catch {
    return 1000 * MAX_RETRY_AFTER_SECONDS; // a date, or longer than anybody waits here
  }
}

function hasCode(error: unknown, code: TlogError["code"]): error is TlogError {
  return error instanceof TlogError && error.code === code;
}
