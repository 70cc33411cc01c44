import { open } from "node:fs/promises";

/** Makes a file's creation or renaming durable: syncs the directory that names it. Windows has no such call, and needs none. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
