import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "./sync-directory.ts";

/**
 * Replaces a regular file in one step, or makes it: temporary file beside it, fsync, rename, fsync of the folder. A reader sees
 * the old bytes or the new ones, also after a crash; when it resolves, the new ones are durable.
 * It renames over whatever `path` names: a caller that accepts links, pipes or devices looks first.
 * @param path - in a folder that exists.
 * @param options.mode - of the file, before the umask: 0o600 for what only its owner reads.
 * @throws whatever the file system fails with; the temporary file is removed.
 */
export async function replaceDurably(
  path: string,
  bytes: Uint8Array | string,
  { mode }: { readonly mode: number },
): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  try {
    await writeSynced(temporary, bytes, { mode });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes a file, which must not be there, and syncs its bytes; its name is durable once the folder is synced. */
export async function writeSynced(
  path: string,
  bytes: Uint8Array | string,
  { mode }: { readonly mode: number },
): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
