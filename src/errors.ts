/** Every code an error of this project can carry. Codes are stable: programs branch on them, messages are for people. */
export type ErrorCode =
  // Arguments and wire formats
  | "ARGUMENT_INVALID"
  | "NUMBER_MALFORMED"
  | "NUMBER_TOO_LARGE"
  | "BASE64_MALFORMED"
  | "HEX_MALFORMED"
  | "UTF8_MALFORMED"
  | "HASH_MALFORMED"
  | "TILE_PATH_MALFORMED"
  | "TILE_MALFORMED"
  | "BUNDLE_MALFORMED"
  | "ENTRY_TOO_LARGE"
  | "VKEY_MALFORMED"
  | "SIGNING_KEY_MALFORMED"
  | "KEY_TYPE_UNSUPPORTED"
  | "NOTE_MALFORMED"
  | "CHECKPOINT_MALFORMED"
  | "COSIGNATURE_MALFORMED"
  | "POLICY_MALFORMED"
  | "RECEIPT_MALFORMED"
  | "REQUEST_MALFORMED"
  | "LOG_LIST_MALFORMED"
  | "EVIDENCE_MALFORMED"
  | "CASES_MALFORMED"
  | "KEY_HISTORY_MALFORMED"
  // Verification
  | "SIGNATURE_MISSING"
  | "SIGNATURE_INVALID"
  | "QUORUM_NOT_MET"
  | "ORIGIN_MISMATCH"
  | "PROOF_INVALID"
  | "ENTRY_MISMATCH"
  | "ROOT_MISMATCH"
  | "LOG_FORKED"
  | "KEY_HISTORY_INVALID"
  | "KEY_HISTORY_FORKED"
  | "EVIDENCE_INVALID"
  | "CONFORMANCE_FAILED"
  | "DAMAGE_FOUND"
  | "CHECKUP_FAILED"
  | "ALARM_RAISED"
  // The platform
  | "CRYPTO_UNAVAILABLE"
  | "CRYPTO_BUSY"
  // Store and guard
  | "HEAD_MOVED"
  | "WRITER_REPLACED"
  | "SIGNED_SIZE_WENT_BACK"
  | "STORE_LOCKED"
  | "STORE_SCHEMA_UNKNOWN"
  | "STORE_ORIGIN_MISMATCH"
  | "STORE_DAMAGED"
  | "STORE_DIRECTORY_FOREIGN"
  | "STORE_FULL"
  | "STORE_FAILED"
  | "STORE_CLOSED"
  | "GUARD_MALFORMED"
  | "GUARD_MISSING"
  | "GUARD_AHEAD"
  | "GUARD_MISMATCH"
  | "GUARD_FAILED"
  | "BACKUP_DAMAGED"
  // Keys
  | "KEY_FILE_EXPOSED"
  | "KEY_FILE_MALFORMED"
  | "KEY_FILE_MISSING"
  | "KEY_FILE_EXISTS"
  | "KEY_UNKNOWN"
  | "PASSPHRASE_MISSING"
  | "PASSPHRASE_WRONG"
  | "KEY_RETIRED"
  // The log engine
  | "POOL_FULL"
  | "LOG_CLOSING"
  | "LOG_READ_ONLY"
  | "SPACE_LOW"
  | "LOG_ENDED"
  | "LOG_ROLLED_BACK"
  | "LOG_CONTRADICTED"
  | "SIGNER_FAILED"
  | "ENTRY_UNKNOWN"
  | "NOT_PUBLISHED"
  // The witness
  | "LOG_UNKNOWN"
  | "LOG_DISABLED"
  | "LOG_FROZEN"
  | "EVIDENCE_FULL"
  | "SIZE_CONFLICT"
  | "RATE_LIMITED"
  | "CLOCK_BEHIND"
  | "WITNESS_READ_ONLY"
  | "WITNESS_CLOSING"
  | "WITNESS_ROLLED_BACK"
  | "SUBTREE_UNSUPPORTED"
  | "ROSTER_INVALID"
  // HTTP
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "BODY_TOO_LARGE"
  | "BODY_INCOMPLETE"
  | "CONTENT_ENCODING_UNSUPPORTED"
  | "PARAMETER_INVALID"
  | "TOKEN_MISSING"
  | "TOKEN_INVALID"
  | "TOKEN_LIMITED"
  | "WRITE_FORBIDDEN"
  | "SERVER_BUSY"
  | "LISTEN_FAILED"
  | "INTERNAL"
  // The client's side of the network
  | "REMOTE_UNREACHABLE"
  | "REMOTE_TIMEOUT"
  | "REMOTE_REFUSED"
  | "REMOTE_TOO_LARGE"
  | "PROBE_EXHAUSTED"
  | "REMOTE_MALFORMED"
  | "ABORTED"
  | "CHECKPOINT_MEMORY_FAILED"
  // Command line and configuration
  | "USAGE"
  | "CONFIG_INVALID"
  | "FILE_UNREADABLE"
  | "FILE_UNWRITABLE"
  | "MATCH_FOUND"
  | "ALERT_NOT_TOLD"
  | "INCOMPLETE";

/** The one error class. `code` is for programs, `message` for people: what was wanted, what came, never a secret. */
export class TlogError extends Error {
  override readonly name = "TlogError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A broken invariant: a bug in this program, never an outcome a caller should handle. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** What `compute` returns; undefined where it throws a {@link TlogError}: for what anybody may have sent. */
export function orUndefined<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
