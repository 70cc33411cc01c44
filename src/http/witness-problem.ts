import { formatSizeConflict } from "../tlog/add-checkpoint.ts";
import { LogFrozenError, RateLimitedError, SizeConflictError } from "../witness/witness.ts";
import type { Answer } from "./exchange.ts";
import { responseFrom } from "./exchange-hono.ts";
import { WITNESS_WRITE_HEADERS } from "./headers.ts";
import { problemAnswer } from "./problem.ts";
import { evidencePath } from "./witness-paths.ts";

/** Exactly this: Go's client compares the whole header, so a charset would break it. tlog-witness, add-checkpoint */
const SIZE_TYPE = "text/x.tlog.size";

interface Asking {
  readonly method: string;
  readonly requestId?: string | undefined;
}

/** {@link witnessProblemAnswer} as fetch has it. */
export function witnessProblem(error: unknown, request: Asking): Response {
  return responseFrom(witnessProblemAnswer(error, request));
}

/** The answer to what a witness throws: problems, but for the one body that the protocol fixes. */
export function witnessProblemAnswer(error: unknown, request: Asking): Answer {
  if (error instanceof SizeConflictError) {
    const body = formatSizeConflict(error.treeSize);
    return {
      status: 409,
      headers: { ...WITNESS_WRITE_HEADERS, "Content-Type": SIZE_TYPE, "Content-Length": String(body.length) },
      body,
    };
  }
  const { method, requestId } = request;
  const headers = method === "POST" ? WITNESS_WRITE_HEADERS : {};
  if (error instanceof RateLimitedError) {
    return problemAnswer(error, request, {
      headers: { ...headers, "Retry-After": String(error.retryAfterSeconds) },
      requestId,
    });
  }
  if (error instanceof LogFrozenError) {
    return problemAnswer(error, request, { headers, requestId, members: { evidence: evidencePath(error) } });
  }
  return problemAnswer(error, request, { headers, requestId });
}
