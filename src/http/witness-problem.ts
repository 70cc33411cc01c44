import { formatSizeConflict } from "../tlog/add-checkpoint.ts";
import { LogFrozenError, RateLimitedError, SizeConflictError } from "../witness/witness.ts";
import { WITNESS_WRITE_HEADERS } from "./headers.ts";
import { problemFrom } from "./problem.ts";
import { evidencePath } from "./witness-paths.ts";

/** Exactly this: Go's client compares the whole header, so a charset would break it. tlog-witness, add-checkpoint */
const SIZE_TYPE = "text/x.tlog.size";

/** The answer to what a witness throws: problems, but for the one body that the protocol fixes. */
export function witnessProblem(error: unknown, request: Request): Response {
  if (error instanceof SizeConflictError) {
    const body = formatSizeConflict(error.treeSize);
    return new Response(new Uint8Array(body), {
      status: 409,
      headers: { ...WITNESS_WRITE_HEADERS, "Content-Type": SIZE_TYPE, "Content-Length": String(body.length) },
    });
  }
  const headers = request.method === "POST" ? WITNESS_WRITE_HEADERS : {};
  if (error instanceof RateLimitedError) {
    return problemFrom(error, request, {
      headers: { ...headers, "Retry-After": String(error.retryAfterSeconds) },
    });
  }
  if (error instanceof LogFrozenError) {
    return problemFrom(error, request, { headers, members: { evidence: evidencePath(error) } });
  }
  return problemFrom(error, request, { headers });
}
