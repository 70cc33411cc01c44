import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "../node/errno.ts";

/** Linux's numbers of ext2 to ext4, XFS, Btrfs, ZFS, F2FS, overlayfs and tmpfs: linux/magic.h. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x794c7630, 0x01021994,
]);

/**
 * Whether a path lies on a file system of Linux that asks nobody else: no server and no program that may hang. Looking at a small
 * file that is open there takes microseconds, and O_DSYNC is what it says. Whatever is not known is not local.
 */
export async function isOnLocalVolume(path: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  try {
    return LOCAL_TYPES.has((await statfs(path)).type);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT") && dirname(path) !== path) return await isOnLocalVolume(dirname(path));
    return false;
  }
}
