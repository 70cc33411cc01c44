/** What a failed system call says about itself: errors of Node carry `code`, a name as "ENOENT"; those of lmdb-js a number. */

export function hasErrorCode(error: unknown, code: string | number): boolean {
  return rawCodeOf(error) === code;
}

/** The code as text to show. It names no path and no content, which a message may. */
export function codeOf(error: unknown): string {
  return String(rawCodeOf(error) ?? "unknown error");
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function rawCodeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
