import type { ErrorCode } from "../errors.ts";

/** How an error code looks over HTTP. */
export interface ProblemKind {
  readonly status: number;
  /** One sentence, the same for every occurrence. RFC 9457 §3.1.3 */
  readonly title: string;
  readonly retryAfterSeconds?: number;
}

/**
 * The one table from error code to HTTP. Each row names the section that decides it; `spec/http-api.md` lists the same
 * rows. A code without a row is a bug or an outcome no client should see: it becomes INTERNAL.
 */
export const PROBLEM_KINDS: { readonly [code in ErrorCode]?: ProblemKind } = {
  // What the client sent. RFC 9110 §15.5.1; http-api "Errors"
  ARGUMENT_INVALID: { status: 400, title: "An argument is outside its range." },
  PARAMETER_INVALID: { status: 400, title: "A parameter is missing or malformed." },
  BODY_INCOMPLETE: { status: 400, title: "The body ended before it was complete." },
  BUNDLE_MALFORMED: { status: 400, title: "The body is not a sequence of length-prefixed entries." }, // tlog-tiles, "Log entries"
  CONTENT_ENCODING_UNSUPPORTED: {
    status: 400,
    title: "Bodies are taken as they are, without a content coding.",
  }, // http-api "POST /add"
  // Writing. RFC 6750 §3.1; http-api "Who may write"
  TOKEN_MISSING: { status: 401, title: "Writing needs a bearer token." },
  TOKEN_INVALID: { status: 403, title: "The bearer token is not one of this log's." },
  TOKEN_LIMITED: {
    status: 429,
    title: "The token has written as much as it may for now.",
    retryAfterSeconds: 1,
  },
  WRITE_FORBIDDEN: { status: 403, title: "This log takes no writes from there." },
  // Witnessing. tlog-witness, add-checkpoint and sign-subtree
  REQUEST_MALFORMED: { status: 400, title: "The request is not what the protocol asks for." },
  EVIDENCE_MALFORMED: { status: 400, title: "This is no evidence file." }, // spec/fork-evidence.md
  SIGNATURE_MISSING: { status: 403, title: "No key that counts here signed the checkpoint." },
  SIGNATURE_INVALID: { status: 403, title: "A known key's signature does not verify." },
  LOG_DISABLED: { status: 403, title: "This witness stopped cosigning the log." },
  LOG_FROZEN: { status: 403, title: "There is evidence that the log forked: it is cosigned no more." },
  LOG_UNKNOWN: { status: 404, title: "This witness does not know the log." },
  SUBTREE_UNSUPPORTED: { status: 404, title: "This witness has no key that signs subtrees." },
  EVIDENCE_FULL: { status: 409, title: "As much evidence as is kept about one log is there already." },
  SIZE_CONFLICT: { status: 409, title: "The old size is not that of the newest cosigned checkpoint." },
  ROOT_MISMATCH: { status: 422, title: "The root hash is not that of the known tree." },
  PROOF_INVALID: { status: 422, title: "The consistency proof does not verify." },
  EVIDENCE_INVALID: { status: 422, title: "The evidence does not convict anybody." }, // spec/fork-evidence.md
  RATE_LIMITED: { status: 429, title: "More requests than are taken for this log.", retryAfterSeconds: 60 },
  CLOCK_BEHIND: {
    status: 503,
    title: "The witness's clock is behind its own signatures.",
    retryAfterSeconds: 60,
  },
  WITNESS_READ_ONLY: {
    status: 503,
    title: "The witness signs nothing at the moment.",
    retryAfterSeconds: 30,
  },
  WITNESS_ROLLED_BACK: {
    status: 503,
    title: "The witness has signed more than it remembers, and signs no more.",
  },
  WITNESS_CLOSING: { status: 503, title: "The witness is shutting down.", retryAfterSeconds: 5 },
  CRYPTO_BUSY: { status: 503, title: "Too many signatures are waiting to be checked.", retryAfterSeconds: 1 },
  // What is not there. RFC 9110 §15.5.5
  NOT_FOUND: { status: 404, title: "There is no such resource." },
  TILE_PATH_MALFORMED: { status: 404, title: "This is not the path of a tile." }, // tlog-tiles, "Merkle Tree"
  NUMBER_TOO_LARGE: { status: 404, title: "No log has this many entries." }, // http-api "Paths"
  ENTRY_UNKNOWN: { status: 404, title: "The log has no such entry." },
  NOT_PUBLISHED: { status: 404, title: "No published checkpoint covers this yet.", retryAfterSeconds: 1 }, // http-api "Reading"
  METHOD_NOT_ALLOWED: { status: 405, title: "The resource does not take this method." }, // RFC 9110 §15.5.6
  // Too much. RFC 9110 §15.5.14, RFC 6585 §4
  BODY_TOO_LARGE: { status: 413, title: "The body is larger than is taken here." },
  ENTRY_TOO_LARGE: { status: 413, title: "The entry is larger than this log takes." }, // tlog-tiles, "Log entries": at most 65,535 bytes
  POOL_FULL: { status: 429, title: "Too many entries are waiting; try again shortly.", retryAfterSeconds: 1 }, // http-api "POST /add"
  // This side. RFC 9110 §15.6
  INTERNAL: { status: 500, title: "The server failed; its operator can see why." },
  STORE_DAMAGED: { status: 500, title: "What is stored failed its check and is not served." },
  LOG_CLOSING: { status: 503, title: "The log is shutting down.", retryAfterSeconds: 5 },
  LOG_ENDED: { status: 410, title: "The log has ended: it takes no entries any more." }, // spec/frozen.md
  LOG_READ_ONLY: { status: 503, title: "The log takes no entries at the moment.", retryAfterSeconds: 30 },
  SIGNER_FAILED: {
    status: 503,
    title: "The key that signs cannot be used at the moment.",
    retryAfterSeconds: 30,
  },
  SPACE_LOW: { status: 503, title: "The log's disk is nearly full.", retryAfterSeconds: 30 },
  SERVER_BUSY: { status: 503, title: "Too much is under way already.", retryAfterSeconds: 1 },
  STORE_CLOSED: { status: 503, title: "The log is shutting down.", retryAfterSeconds: 5 },
};

/** The code a client sees for `code`, and how. */
export function problemKindOf(code: ErrorCode): { readonly code: ErrorCode; readonly kind: ProblemKind } {
  const kind = PROBLEM_KINDS[code];
  if (kind !== undefined) return { code, kind };
  return { code: "INTERNAL", kind: { status: 500, title: "The server failed; its operator can see why." } };
}
