import { type ErrorCode, TlogError } from "../errors.ts";
import type { Answer } from "./exchange.ts";
import { responseFrom } from "./exchange-hono.ts";
import { NOT_STORED, READ_HEADERS, WRITE_HEADERS } from "./headers.ts";
import { problemKindOf } from "./status.ts";
import { TokenLimitedError } from "./write-tokens.ts";

/** An RFC 9457 problem as it is written to the wire. `code` is stable; `detail` is for people. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  /** Of a failure on this side: what to tell its operator. */
  readonly requestId?: string;
}

/** What an answer says beyond its code. */
export interface ProblemExtras {
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body. RFC 9457 §3.2 */
  readonly members?: Readonly<Record<string, string | number>>;
  /** Said where this side failed. */
  readonly requestId?: string | undefined;
}

/**
 * Told about every failure of this side (status 500), with the cause that the client does not see. A 503 is none: it says a
 * state, which has its own event where it matters, and a client could fill the operator's disk with it.
 */
export type OnError = (failure: {
  readonly error: unknown;
  readonly method: string;
  readonly path: string;
  readonly requestId?: string | undefined;
}) => void;

/** {@link problemAnswer} as fetch has it. */
export function problemFrom(error: unknown, request: Request, extras?: ProblemExtras): Response {
  return responseFrom(problemAnswer(error, request, extras));
}

/**
 * The answer to a thrown error. Details of failures on this side stay here: they can name files.
 * @param request - decides whether browsers of other origins may read the answer, as for the resource itself.
 */
export function problemAnswer(
  error: unknown,
  request: { readonly method: string },
  { headers = {}, members = {}, requestId }: ProblemExtras = {},
): Answer {
  const { code, kind } = problemKindOf(error instanceof TlogError ? error.code : "INTERNAL");
  const problem: ProblemBody = {
    type: `urn:bristlecone:problem:${code}`,
    title: kind.title,
    status: kind.status,
    code,
    ...(error instanceof TlogError && kind.status < 500 ? { detail: error.message } : {}),
    ...(requestId !== undefined && kind.status >= 500 ? { requestId } : {}),
    ...members,
  };
  const retryAfterSeconds =
    error instanceof TokenLimitedError ? error.retryAfterSeconds : kind.retryAfterSeconds;
  const isRead = request.method === "GET" || request.method === "HEAD";
  const body = JSON.stringify(problem);
  return {
    status: kind.status,
    headers: {
      ...(isRead ? READ_HEADERS : WRITE_HEADERS),
      "Content-Type": "application/problem+json",
      "Content-Length": String(Buffer.byteLength(body)),
      "Cache-Control": NOT_STORED,
      ...(retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) }),
      ...(isRead ? { "Access-Control-Expose-Headers": "Retry-After" } : {}),
      ...(code === "TOKEN_MISSING" ? { "WWW-Authenticate": 'Bearer realm="bristlecone"' } : {}),
      ...headers,
    },
    body,
  };
}
