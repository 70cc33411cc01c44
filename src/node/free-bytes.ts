import { statfs } from "node:fs/promises";

/** How many bytes a process without special rights may still write on the volume of `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
