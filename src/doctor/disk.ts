/** The volumes that a log lies on. */
import { stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { onSameVolume } from "../keys/guard-file.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { freeBytes } from "../node/free-bytes.ts";
import { readAheadKib } from "../node/read-ahead.ts";
import { fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";
import { modeOf } from "./file-modes.ts";
import { inBytes } from "./words.ts";

export interface DiskLook {
  readonly directory: string;
  readonly guard: string;
  /** Entries are turned away while less is free; 0: never. Undefined: a witness, which has no such floor. */
  readonly minFreeBytes: number | undefined;
  /** Undefined: as the disk allows. */
  readonly maxDataBytes: number | undefined;
}

export async function lookAtDisks(sheet: Sheet, look: DiskLook): Promise<void> {
  const { directory, guard } = look;
  await sheet.look({ check: "data-directory", of: directory, see: () => seeDirectory(directory) });
  await sheet.look({ check: "file-system", of: directory, see: () => seeFileSystem(directory) });
  await sheet.look({ check: "free-space", of: directory, see: () => seeFreeSpace(look) });
  await sheet.look({ check: "free-files", of: directory, see: () => seeFreeFiles(directory) });
  await sheet.look({ check: "data-size", of: directory, see: () => seeSize(look) });
  await sheet.look({ check: "read-ahead", of: directory, see: () => seeReadAhead(directory) });
  await sheet.look({ check: "guard-volume", of: guard, see: () => seeGuardVolume(look) });
}

async function seeDirectory(directory: string): Promise<Outcome> {
  const found = await modeOf(directory);
  if (found === undefined) return skipped("not there yet: the first start makes it, mode 0700");
  if (!found.isDirectory) return fail("it is no directory", "name a directory with --data");
  const words = `mode ${found.mode}, of ${found.owner}`;
  if (found.isWritableByOthers) {
    return fail(`${words}: others may write to it`, `chmod 700 ${directory}`);
  }
  if (!found.isOwn) {
    return warn(
      `${words}: what follows holds for this user, not for the one that runs the log`,
      "run this as that user: sudo -u NAME …, or in the service's own container",
    );
  }
  return ok(words);
}

/** linux/magic.h; what is not here is not known. */
const FILE_SYSTEMS: ReadonlyMap<number, readonly [name: string, kind: "disk" | "passing" | "remote"]> =
  new Map([
    [0xef53, ["ext4", "disk"]],
    [0x58465342, ["XFS", "disk"]],
    [0x9123683e, ["Btrfs", "disk"]],
    [0x2fc12fc1, ["ZFS", "disk"]],
    [0xf2f52010, ["F2FS", "disk"]],
    [0x01021994, ["tmpfs", "passing"]],
    [0x858458f6, ["ramfs", "passing"]],
    [0x794c7630, ["overlayfs", "passing"]],
    [0x6969, ["NFS", "remote"]],
    [0xff534d42, ["CIFS", "remote"]],
    [0xfe534d42, ["SMB", "remote"]],
    [0x01021997, ["9p", "remote"]],
    [0x00c36400, ["Ceph", "remote"]],
    [0x65735546, ["FUSE", "remote"]],
  ]);

async function seeFileSystem(directory: string): Promise<Outcome> {
  if (process.platform !== "linux") return skipped("looked at on Linux only");
  const { type } = await volumeOf(directory);
  const [name, kind] = FILE_SYSTEMS.get(type) ?? [`number 0x${type.toString(16)}`, undefined];
  if (kind === "disk") return ok(name);
  if (kind === "remote") {
    return fail(
      `${name}: a database that maps its file, as this one does, is not safe on a file system of a server or another program`,
      "put --data on a local disk, or on a block device of the network",
    );
  }
  if (kind === "passing") {
    const gone = name === "overlayfs" ? "the container" : "the machine's next restart";
    return warn(`${name}: what is there is gone with ${gone}`, "put --data on a disk or a volume that stays");
  }
  return warn(
    `file system ${name} is not known`,
    "see that it is local, and that fsync and mmap are what they say",
  );
}

async function seeFreeSpace({ directory, minFreeBytes }: DiskLook): Promise<Outcome> {
  const free = await freeBytes(await standing(directory));
  if (minFreeBytes === undefined) {
    if (free >= LITTLE_BYTES) return ok(`${inBytes(free)} free`);
    return warn(`${inBytes(free)} free`, "make room: a witness whose disk is full cosigns no more");
  }
  const words = `${inBytes(free)} free, ${minFreeBytes === 0 ? "no floor (--min-free-bytes 0)" : `floor ${inBytes(minFreeBytes)}`}`;
  const advice = "make room or enlarge the volume; entries are turned away below --min-free-bytes";
  if (free < minFreeBytes) return fail(`${words}: entries are turned away`, advice);
  if (free < 4 * Math.max(minFreeBytes, LITTLE_BYTES)) return warn(words, advice);
  return ok(words);
}

const LITTLE_BYTES = 64 * 1024 * 1024;
const FEW_FILES = 1000;

async function seeFreeFiles(directory: string): Promise<Outcome> {
  const { files, ffree } = await volumeOf(directory);
  if (files === 0) return skipped("the file system does not count them");
  const words = `room for ${ffree} more files`;
  return ffree < FEW_FILES
    ? fail(words, "remove files from this volume: the leaf index makes new ones")
    : ok(words);
}

async function seeSize({ directory, maxDataBytes }: DiskLook): Promise<Outcome> {
  const found = await modeOf(join(directory, "data.mdb"));
  const bytes = found?.bytes ?? 0;
  if (maxDataBytes === undefined) return ok(`data.mdb takes ${inBytes(bytes)}, as much as the disk allows`);
  const words = `data.mdb takes ${inBytes(bytes)} of the ${inBytes(maxDataBytes)} of --max-data-bytes`;
  const advice = "raise --max-data-bytes, or leave it out, and restart";
  if (bytes >= maxDataBytes * 0.98) return fail(words, advice);
  return bytes >= maxDataBytes * 0.8 ? warn(words, advice) : ok(words);
}

/** Above it the log reads page by page. */
const MAX_READ_AHEAD_KIB = 512;

async function seeReadAhead(directory: string): Promise<Outcome> {
  if (process.platform !== "linux") return skipped("looked at on Linux only");
  const kib = await readAheadKib(await standing(directory));
  if (kib === undefined) return skipped("the volume has no disk of its own that says so");
  if (kib <= MAX_READ_AHEAD_KIB) return ok(`${kib} KiB`);
  return warn(
    `${kib} KiB: a log larger than memory would read that much for each page, so it reads page by page instead`,
    "set the disk's /sys/block/DISK/queue/read_ahead_kb to 128 (deploy/README.md, Capacity)",
  );
}

async function seeGuardVolume({ directory, guard }: DiskLook): Promise<Outcome> {
  const free = await freeBytes(await standing(dirname(resolve(guard))));
  if (free < ROOM_FOR_GUARD_BYTES) {
    return fail(
      `${inBytes(free)} free where the guard lies: nothing is signed when it cannot be written`,
      "make room there",
    );
  }
  if (await onSameVolume(directory, guard)) {
    return warn(
      "on the volume of the data directory: who restores a snapshot of it takes both back, and the log would sign twice",
      "give it a small volume of its own: stop the log, move the file, name it with --guard",
    );
  }
  return ok("on another volume than the data directory");
}

const ROOM_FOR_GUARD_BYTES = 65_536;

async function volumeOf(path: string) {
  const place = await standing(path);
  try {
    return await statfs(place);
  } catch (cause) {
    throw new TlogError("FILE_UNREADABLE", `the volume of ${place} does not say (${codeOf(cause)})`, {
      cause,
    });
  }
}

/** The path, or the nearest one above it that is there. */
async function standing(path: string): Promise<string> {
  const location = resolve(path);
  try {
    await stat(location);
    return location;
  } catch (cause) {
    const above = dirname(location);
    if (hasErrorCode(cause, "ENOENT") && above !== location) return await standing(above);
    throw new TlogError("FILE_UNREADABLE", `${location} cannot be looked at (${codeOf(cause)})`, { cause });
  }
}
