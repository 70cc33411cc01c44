import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";

export interface FoundFile {
  /** "0600" */
  readonly mode: string;
  /** "user 1000", or "this user". */
  readonly owner: string;
  readonly isOwn: boolean;
  readonly isDirectory: boolean;
  /** Others than its owner may read or list it, or write to it. */
  readonly isReadableByOthers: boolean;
  readonly isWritableByOthers: boolean;
  readonly directory: string;
  /** Others may write to its directory, so that the file may be replaced: the sticky bit is not set. */
  readonly isDirectoryOpen: boolean;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** @returns undefined when there is nothing. @throws {TlogError} FILE_UNREADABLE */
export async function modeOf(path: string): Promise<FoundFile | undefined> {
  const location = resolve(path);
  const directory = dirname(location);
  try {
    const [found, above] = await Promise.all([stat(location), stat(directory)]);
    const isOwn = process.getuid === undefined || found.uid === process.getuid();
    return {
      mode: (found.mode % 0o10000).toString(8).padStart(4, "0"),
      owner: isOwn ? "this user" : `user ${found.uid}`,
      isOwn,
      isDirectory: found.isDirectory(),
      isReadableByOthers: someBit(found.mode, READ),
      isWritableByOthers: someBit(found.mode, WRITE),
      directory,
      isDirectoryOpen: digitHas(above.mode, 0, WRITE) && !isSticky(above.mode),
      bytes: found.size,
      modifiedAtMs: found.mtimeMs,
    };
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw new TlogError("FILE_UNREADABLE", `${location} cannot be looked at (${codeOf(cause)})`, { cause });
  }
}

const READ = 4;
const WRITE = 2;

/** Of the group or of all others. Windows has no such bits. */
function someBit(mode: number, bit: number): boolean {
  return digitHas(mode, 1, bit) || digitHas(mode, 0, bit);
}

/** @param digit - of the octal mode, from the right. */
function digitHas(mode: number, digit: number, bit: number): boolean {
  if (process.platform === "win32") return false;
  return Math.floor(Math.floor(mode / 8 ** digit) / bit) % 2 === 1;
}

function isSticky(mode: number): boolean {
  return Math.floor(mode / 0o1000) % 2 === 1;
}
