/** What is told of single requests: each has an id, by which its answer, its log line and the indices of its entries are found again. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BlockList } from "node:net";
import type { Appended, AppendedBlock } from "../log/log.ts";
import type { Answer } from "./exchange.ts";
import { NOT_STORED } from "./headers.ts";
import { countedRoute, isWait, type RequestTally, TALLIED_ROUTES } from "./request-tally.ts";

/** In answers and, from a proxy, in requests. */
export const REQUEST_ID_HEADER = "X-Request-Id";

/** Where a request was answered, and is to be told. */
export interface RequestLog {
  /** Whether every request is wanted, and not only slow ones. Asked for each: it may change. */
  readonly isEach: boolean;
  /** What took at least so long is told in any case. */
  readonly slowMs: number;
  /** A request was answered. */
  answered(request: AnsweredRequest): void;
}

/** No query, no body, no header and no address: what a line says of a request is of closed lists, or of the log itself. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  /** Of {@link TALLIED_ROUTES}. */
  readonly route: string;
  readonly status: number;
  /** From the request's head to the answer, without the time its bytes take. */
  readonly elapsedMs: number;
  /** Of the answer's body, where that is known before it is sent. */
  readonly bytes: number | undefined;
  /** Where its entries are in the log. */
  readonly added: Appended | AppendedBlock | undefined;
  /** It took at least `slowMs`, and was not asked to wait. */
  readonly isSlow: boolean;
}

/** What is looked at of a request. */
type Head = Pick<IncomingMessage, "headers"> & {
  readonly method?: string | undefined;
  readonly socket: { readonly remoteAddress?: string | undefined };
};

/** A request under way. */
export class AskedRequest {
  readonly startedAtMs = performance.now();
  readonly #incoming: Head;
  readonly #isPassedOn: boolean;
  #id: string | undefined; // owned by id()

  /** @param options.isPassedOn - a process of this program sent it: the id is the one that process gave it. */
  constructor(incoming: Head, { isPassedOn }: { readonly isPassedOn: boolean }) {
    this.#incoming = incoming;
    this.#isPassedOn = isPassedOn;
  }

  get method(): string {
    return this.#incoming.method ?? "";
  }

  /**
   * What the request is called: made when it is asked for, which for most reads is never. A client on this machine or in a private network, where
   * a proxy stands, may have named it; strangers may not, who could make their requests look like somebody else's.
   */
  get id(): string {
    this.#id ??= this.#givenId() ?? randomUUID();
    return this.#id;
  }

  #givenId(): string | undefined {
    const given = this.#incoming.headers["x-request-id"];
    if (typeof given !== "string" || !REQUEST_ID.test(given)) return undefined;
    return this.#isPassedOn || isNear(this.#incoming.socket.remoteAddress) ? given : undefined;
  }
}

/** Short, and nothing in it that means anything to a log viewer or a shell. Two headers are joined by ", " and match not. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

const near = new BlockList();
for (const [network, prefix] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  near.addSubnet(network, prefix, "ipv4");
}
near.addAddress("::1", "ipv6");
near.addSubnet("fc00::", 7, "ipv6");

/** RFC 1918, RFC 4193 and loopback; IPv4 inside IPv6 as what it is. */
function isNear(address: string | undefined): boolean {
  return address !== undefined && near.check(address, address.includes(":") ? "ipv6" : "ipv4");
}

/** Where answers are counted and told. */
export interface RequestWatch {
  /** Default: not counted. */
  readonly requests?: RequestTally | undefined;
  /** Default: not told. */
  readonly requestLog?: RequestLog | undefined;
}

/** As a hot route answers, or as fetch has it. */
type AnswerSeen = Pick<Answer, "status" | "added"> & {
  readonly headers: Answer["headers"] | Headers;
};

/** Counts and tells an answer. @param route - a place in {@link TALLIED_ROUTES}. */
export function recordAnswer(
  { requests, requestLog }: RequestWatch,
  asked: AskedRequest,
  { route, answer }: { readonly route: number; readonly answer: AnswerSeen },
): void {
  if (requests === undefined && requestLog === undefined) return;
  const elapsedMs = performance.now() - asked.startedAtMs;
  requests?.record(route, answer, elapsedMs);
  if (requestLog === undefined || (elapsedMs < requestLog.slowMs && !requestLog.isEach)) return;
  const counted = countedRoute(route, answer);
  const { status, added } = answer;
  requestLog.answered({
    requestId: asked.id,
    method: asked.method,
    route: TALLIED_ROUTES[counted] ?? "other",
    status,
    elapsedMs,
    bytes: lengthOf(answer),
    added,
    isSlow: elapsedMs >= requestLog.slowMs && !isWait(counted),
  });
}

function lengthOf({ headers }: AnswerSeen): number | undefined {
  const length = headers instanceof Headers ? headers.get("content-length") : headers["Content-Length"];
  return length === undefined || length === null ? undefined : Number(length);
}

/** An answer that says which request it is to. What a cache may keep says nothing: it is the answer to later requests too. */
export function withRequestId(answer: Answer, asked: AskedRequest): Answer {
  if (answer.headers["Cache-Control"] !== NOT_STORED) return answer;
  return { ...answer, headers: { ...answer.headers, [REQUEST_ID_HEADER]: asked.id } };
}
