import { RemoteRefusedError } from "../../client/errors.ts";
import { type ErrorCode, TlogError } from "../errors.ts";

/** 0 good, 1 verification failed, 2 usage or configuration, 3 incomplete, 4 remote unreachable; 70 a bug in this program. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 70;

/** What the shell sees for an error. Anything that is not a TlogError is a bug, and must not pass for a verdict. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof RemoteRefusedError) return exitCodeOfRefusal(error);
  return error instanceof TlogError ? EXIT_CODES[error.code] : 70;
}

/** A refusal may say that the request was wrong or came too early; that something failed to verify is never the log's to say. */
function exitCodeOfRefusal({ problemCode, status }: RemoteRefusedError): ExitCode {
  const known = Object.entries(EXIT_CODES).find(([code]) => code === problemCode)?.[1];
  if (known === 3 || (known === 2 && status < 500)) return known; // what a server fails at is nobody's usage
  return status === 401 || status === 403 ? 2 : 4;
}

/** One row per code, so that a new code does not compile before somebody has decided. */
const EXIT_CODES: { readonly [Code in ErrorCode]: ExitCode } = Object.freeze({
  // What was offered as evidence is not well-formed, so it proves nothing.
  NUMBER_MALFORMED: 1,
  NUMBER_TOO_LARGE: 1,
  BASE64_MALFORMED: 1,
  HEX_MALFORMED: 1,
  UTF8_MALFORMED: 1,
  HASH_MALFORMED: 1,
  TILE_PATH_MALFORMED: 1,
  TILE_MALFORMED: 1,
  BUNDLE_MALFORMED: 1,
  NOTE_MALFORMED: 1,
  CHECKPOINT_MALFORMED: 1,
  COSIGNATURE_MALFORMED: 1,
  RECEIPT_MALFORMED: 1,
  EVIDENCE_MALFORMED: 1,
  SIGNATURE_MISSING: 1,
  SIGNATURE_INVALID: 1,
  QUORUM_NOT_MET: 1,
  ORIGIN_MISMATCH: 1,
  PROOF_INVALID: 1,
  ENTRY_MISMATCH: 1,
  ROOT_MISMATCH: 1,
  LOG_FORKED: 1,
  EVIDENCE_INVALID: 1,
  BACKUP_DAMAGED: 1,
  CONFORMANCE_FAILED: 1,
  DAMAGE_FOUND: 1,
  // The caller's words, files, keys, or the state of a log on this machine: a person has to decide.
  ARGUMENT_INVALID: 2,
  ENTRY_TOO_LARGE: 2,
  VKEY_MALFORMED: 2,
  SIGNING_KEY_MALFORMED: 2,
  KEY_TYPE_UNSUPPORTED: 2,
  POLICY_MALFORMED: 2,
  REQUEST_MALFORMED: 2,
  LOG_LIST_MALFORMED: 2,
  CASES_MALFORMED: 2,
  ROSTER_INVALID: 2,
  WITNESS_ROLLED_BACK: 2,
  LOG_UNKNOWN: 2,
  LOG_DISABLED: 2,
  LOG_FROZEN: 2,
  EVIDENCE_FULL: 2,
  SUBTREE_UNSUPPORTED: 2,
  SIZE_CONFLICT: 2,
  HEAD_MOVED: 2,
  WRITER_REPLACED: 2,
  SIGNED_SIZE_WENT_BACK: 2,
  LISTEN_FAILED: 2,
  STORE_LOCKED: 2,
  STORE_SCHEMA_UNKNOWN: 2,
  STORE_DIRECTORY_FOREIGN: 2,
  STORE_ORIGIN_MISMATCH: 2,
  STORE_DAMAGED: 2,
  STORE_FULL: 2,
  STORE_FAILED: 2,
  GUARD_MALFORMED: 2,
  GUARD_MISSING: 2,
  GUARD_AHEAD: 2,
  GUARD_MISMATCH: 2,
  GUARD_FAILED: 2,
  LOG_ROLLED_BACK: 2,
  LOG_CONTRADICTED: 2,
  LOG_ENDED: 2,
  KEY_FILE_EXPOSED: 2,
  KEY_FILE_MALFORMED: 2,
  KEY_FILE_MISSING: 2,
  KEY_FILE_EXISTS: 2,
  METHOD_NOT_ALLOWED: 2,
  BODY_TOO_LARGE: 2,
  CONTENT_ENCODING_UNSUPPORTED: 2,
  PARAMETER_INVALID: 2,
  TOKEN_MISSING: 2,
  TOKEN_INVALID: 2,
  WRITE_FORBIDDEN: 2,
  CHECKPOINT_MEMORY_FAILED: 2,
  CRYPTO_UNAVAILABLE: 2,
  USAGE: 2,
  CONFIG_INVALID: 2,
  FILE_UNREADABLE: 2,
  FILE_UNWRITABLE: 2,
  // Not there, or not there yet; the same command may succeed later.
  POOL_FULL: 3,
  SERVER_BUSY: 3,
  CRYPTO_BUSY: 3,
  RATE_LIMITED: 3,
  TOKEN_LIMITED: 3,
  CLOCK_BEHIND: 3,
  WITNESS_READ_ONLY: 3,
  WITNESS_CLOSING: 3,
  STORE_CLOSED: 3,
  LOG_CLOSING: 3,
  LOG_READ_ONLY: 3,
  SPACE_LOW: 3,
  SIGNER_FAILED: 2,
  ENTRY_UNKNOWN: 3,
  NOT_PUBLISHED: 3,
  NOT_FOUND: 3,
  BODY_INCOMPLETE: 3,
  ABORTED: 3,
  INCOMPLETE: 3,
  PROBE_EXHAUSTED: 3,
  // No usable answer from the other side.
  INTERNAL: 4,
  REMOTE_UNREACHABLE: 4,
  REMOTE_TIMEOUT: 4,
  REMOTE_REFUSED: 4,
  REMOTE_TOO_LARGE: 4,
  REMOTE_MALFORMED: 4,
});
