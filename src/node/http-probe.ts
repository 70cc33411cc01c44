/** The way of the conformance tester to a server: raw, one request at a time, paced, and with an end to everything. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import {
  isBusy,
  type Probe,
  type ProbeAnswer,
  type ProbeRequest,
  retryAfterMs,
} from "../conformance/probe.ts";
import { TlogError } from "../errors.ts";
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
  /** "Not now" is an answer as any other: whoever asks here waits and repeats himself. */
  readonly handsOnPushBack?: true;
  /** Sent with every request: Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpProbeOptions extends HttpProbeTarget, TrafficLimits {
  /** For one request and its whole answer. */
  readonly timeoutMs: number;
  /** Largest body of one answer. */
  readonly maxAnswerBytes: number;
  /** Of whoever runs the tester, for the server's operator: an e-mail address or a URL, sent in User-Agent. */
  readonly contact?: string | undefined;
}

type SendLimits = Pick<HttpProbeOptions, "timeoutMs" | "maxAnswerBytes" | "signal" | "contact">;

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
/** How often one request is repeated because the server says "not now". */
const MAX_PUSH_BACKS = 2;
/** After so many answers "not now" in a row the probe gives up. */
const MAX_PUSH_BACKS_IN_A_ROW = 10;
const TOO_MANY_REQUESTS = 429;
/** What a case may send. Others frame the request, or pretend to be somebody. */
const CASE_HEADERS: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "cache-control", "if-none-match", "if-modified-since", "range"],
  ...[
    "content-type",
    "content-encoding",
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
  ],
]);
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT"]);

/**
 * Opens the way to a server. Answers come as they are, and mostly at the first attempt. Repeated is an idempotent request
 * that the server closed on, once; and what was answered "not now" (429, whatever the method; 502, 503, 504 to an idempotent one: others may
 * have had their effect), later, and after 429 at half the pace, until that is handed on as the answer.
 * @throws {TlogError} ARGUMENT_INVALID for a URL that is none. `exchange` throws METHOD_NOT_ALLOWED for what this probe must not
 *   send and ARGUMENT_INVALID for a path that no request line can carry, beside what {@link Probe} says.
 */
export function openHttpProbe(options: HttpProbeOptions): HttpProbe {
  return probeWithin(openTraffic(options), options, options);
}

function probeWithin(traffic: Traffic, target: HttpProbeTarget, limits: SendLimits): HttpProbe {
  const base = baseUrl(target.url);
  const server = serverOf(base);
  const patience = openPatience(base.href);
  const maxPushBacks = target.handsOnPushBack ? 0 : MAX_PUSH_BACKS;
  let answers = 0; // owned by exchangeInTurn()
  let end: TlogError | undefined; // owned by exchangeInTurn()

  async function sendPatiently(request: RawRequest): Promise<ProbeAnswer> {
    for (let pushBacks = 0; ; pushBacks++) {
      const answer = await sendTwice(request, { traffic, server, limits });
      answers += 1;
      patience.answered(answer);
      if (!isWorthWaiting(answer, request.method) || pushBacks >= maxPushBacks) return answer;
      patience.assertLeft();
      if (answer.status === TOO_MANY_REQUESTS) traffic.slowDown();
      await traffic.wait(retryAfterMs(answer));
    }
  }

  async function exchangeInTurn(request: RawRequest): Promise<ProbeAnswer> {
    try {
      patience.assertLeft();
      return await sendPatiently(request);
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
      const headers = { "user-agent": userAgent(limits.contact), ...target.headers, ...request.headers };
      const raw = rawRequest({ ...request, headers }, base);
      return traffic.inTurn(() => exchangeInTurn(raw));
    },
    async close() {
      server.agent.destroy();
    },
  };
}

interface Sending {
  readonly traffic: Traffic;
  readonly server: RawServer;
  readonly limits: SendLimits;
}

/** Once more where the connection was closed: one lost is no finding. */
async function sendTwice(request: RawRequest, sending: Sending): Promise<ProbeAnswer> {
  return await sendOnce(request, sending).catch((error: unknown) => {
    if (!isWorthRepeating(error, request.method)) throw error;
    return sendOnce(request, sending);
  });
}

async function sendOnce(request: RawRequest, { traffic, server, limits }: Sending): Promise<ProbeAnswer> {
  const left = await traffic.admit(request.body?.length ?? 0);
  const maxBytes = Math.min(limits.maxAnswerBytes, left);
  const isLast = maxBytes === left;
  return await exchangeRaw(server, request, { ...limits, maxBytes, meter: traffic.meter }).catch((error) => {
    throw isLast && hasCode(error, "REMOTE_TOO_LARGE") ? traffic.usedUp("bytes") : error;
  });
}

/** The server was reached, and closed: for an idempotent method the answer is still to be had. */
function isWorthRepeating(error: unknown, method: string): boolean {
  return error instanceof NoAnswerError && error.kind === "hung-up" && IDEMPOTENT.has(method);
}

function isWorthWaiting(answer: ProbeAnswer, method: string): boolean {
  return isBusy(answer) && (answer.status === TOO_MANY_REQUESTS || IDEMPOTENT.has(method));
}

/** How long a server is asked on that does not answer, or answers nothing but "not now". */
function openPatience(url: string) {
  let left = FIRST_PATIENCE;
  let pushBacks = 0; // in a row
  let failure: TlogError | undefined;
  return {
    failure: () => failure,
    assertLeft(): void {
      if (left <= 0)
        throw new TlogError("PROBE_EXHAUSTED", `${url} does not answer: ${failure?.message ?? ""}`);
      if (pushBacks >= MAX_PUSH_BACKS_IN_A_ROW)
        throw new TlogError("PROBE_EXHAUSTED", `${url} answered "not now" ${pushBacks} times in a row`);
    },
    answered(answer: ProbeAnswer): void {
      left = PATIENCE;
      failure = undefined;
      pushBacks = isBusy(answer) ? pushBacks + 1 : 0;
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
      `want an http:// or https:// URL without credentials, query or fragment, got ${withoutSecrets(url)}`,
    );
  }
  if (!parsed.pathname.endsWith("/")) parsed.pathname += "/";
  return parsed;
}

/** What stands before "@" may be a password, and a query a token. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, "?…").replace(/^([a-z]+:\/\/)?.*@/is, "$1…@");
}

function serverOf({ protocol, hostname, port }: URL): RawServer {
  const host = hostname.replace(/^\[|\]$/g, "");
  const sockets = { keepAlive: true, maxSockets: 1 };
  return protocol === "https:"
    ? { isTls: true, agent: new HttpsAgent(sockets), host, port: port || "443" }
    : { isTls: false, agent: new HttpAgent(sockets), host, port: port || "80" };
}

function assertAllowed({ method, path, headers = {}, body }: ProbeRequest, target: HttpProbeTarget): void {
  const foreign = Object.keys(headers).find((name) => !CASE_HEADERS.has(name.toLowerCase()));
  if (foreign !== undefined)
    throw new TlogError("ARGUMENT_INVALID", `no case may send the header ${JSON.stringify(foreign)}`);
  const { allowedMethods, exceptions = [] } = target;
  if (allowedMethods === undefined || allowedMethods.includes(method)) return;
  const isExcepted = exceptions.some((other) => other.method === method && other.path === path);
  if (isExcepted && body === undefined) return;
  const allowed = allowedMethods.join(", ");
  throw new TlogError("METHOD_NOT_ALLOWED", `this run may send ${allowed}, not ${method} ${path}`);
}

function rawRequest({ method, path, headers = {}, body }: ProbeRequest, base: URL): RawRequest {
  if (!/^[!-~]*$/.test(path))
    throw new TlogError("ARGUMENT_INVALID", "path: want printable ASCII without blanks");
  return { method, target: base.pathname + path, headers, body };
}

function userAgent(contact: string | undefined): string {
  const about = ["black-box tester of C2SP documents", ...(contact === undefined ? [] : [contact])];
  return `bristlecone-conformance/${packageVersion()} (${about.join("; ")})`;
}

function hasCode(error: unknown, code: TlogError["code"]): error is TlogError {
  return error instanceof TlogError && error.code === code;
}
