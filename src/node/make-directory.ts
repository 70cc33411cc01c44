import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "./errno.ts";
import { syncDirectory } from "./sync-directory.ts";

/**
 * Makes a directory and those missing above it, with durable names. One by one, because a recursive mkdir never comes back
 * where an existing directory refuses names with ENOENT, as /proc does.
 * @throws what the file system reports, as it is.
 */
export async function makeDirectory(path: string, { mode }: { readonly mode: number }): Promise<void> {
  if (await isThere(() => stat(path))) return;
  const parent = dirname(path);
  await makeDirectory(parent, { mode });
  await mkdir(path, { mode }).catch((error: unknown) => {
    // Another process made it meanwhile.
    if (!hasErrorCode(error, "EEXIST")) throw error;
  });
  await syncDirectory(parent);
}

/** Whether what `look` looks at exists. */
export async function isThere(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
}
