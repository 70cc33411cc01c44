/** Names one copy of a log, of which there may be several with the same bytes. */
import { realpath, stat } from "node:fs/promises";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";

/**
 * @returns a name that the file or directory keeps as long as it lives, whatever is written into it, and that another in its
 *   place does not get: inode numbers are given again, so its birth counts too.
 * @throws {TlogError} FILE_UNREADABLE
 */
export async function copyAt(path: string): Promise<string> {
  try {
    const { dev, ino, birthtimeNs } = await stat(path, { bigint: true });
    return `${await realpath(path)} (device ${dev}, inode ${ino}, born ${birthtimeNs})`;
  } catch (cause) {
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}
