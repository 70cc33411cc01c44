import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { freeBytes } from "./free-bytes.ts";

/** The room that the files of a directory take on their disk, and how much of it is free. What goes away meanwhile takes none. */
export async function storageUse(
  directory: string,
): Promise<{ readonly usedBytes: number; readonly freeBytes: number }> {
  const names = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(names.map((name) => allocated(join(directory, name))));
  return { usedBytes: sizes.reduce((sum, size) => sum + size, 0), freeBytes: await freeBytes(directory) };
}

/** Not its length: LMDB's file may have holes. */
async function allocated(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? 0 : found.blocks * BLOCK_BYTES;
}

/** Of `st_blocks`, whatever blocks the file system has. */
const BLOCK_BYTES = 512;
