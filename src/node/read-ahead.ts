import { readFile, stat } from "node:fs/promises";

/**
 * How far the kernel reads around a page of a mapped file that is not in memory, in KiB, on the disk a path lies on.
 * Linux: Documentation/ABI/stable/sysfs-block, read_ahead_kb.
 * @returns undefined where that cannot be told: another system, a file system of several disks, a path that is not there.
 */
export async function readAheadKib(path: string): Promise<number | undefined> {
  if (process.platform !== "linux") return undefined;
  const dev = (await stat(path).catch(() => undefined))?.dev;
  if (dev === undefined) return undefined;
  const device = `/sys/dev/block/${Math.floor(dev / 256) % 4096}:${(dev % 256) + Math.floor(dev / 2 ** 20) * 256}`;
  // A partition has no queue of its own: its disk, one up, has.
  for (const queue of [`${device}/queue`, `${device}/../queue`]) {
    const text = await readFile(`${queue}/read_ahead_kb`, "latin1").catch(() => undefined);
    if (text !== undefined && /^\d{1,10}\n$/.test(text)) return Number.parseInt(text, 10);
  }
  return undefined;
}
