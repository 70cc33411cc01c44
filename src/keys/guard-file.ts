import { randomBytes } from "node:crypto";
import { type BigIntStats, constants, fstatSync, readSync, statSync } from "node:fs";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import type { Guard, GuardedHead, GuardedKeys, GuardRecord } from "./guard.ts";
import { FORMAT, formatSlot, newestSlotIn, SLOT_BYTES, SLOTS, type Slot } from "./guard-slots.ts";
import { isOnLocalVolume } from "./local-volume.ts";

// Flags are bits of their own, so they may be added up.
const CREATE = constants.O_RDWR + constants.O_CREAT + constants.O_EXCL;

/**
 * Opens the guard file at `path`; it is created at the first write. Mode 0600.
 * @throws {TlogError} GUARD_FAILED when the file exists and cannot be opened.
 */
export async function openGuardFile(path: string): Promise<Guard> {
  const location = resolve(path);
  return await openGuardFileOn(location, (await isOnLocalVolume(location)) ? LOCAL : REMOTE);
}

/** What a write finds before it begins. */
interface Sight {
  /** Whether the file that is open is still the one of this name. */
  readonly isNamed: boolean;
  /** What it holds, as far as a guard reaches. */
  readonly bytes: Uint8Array;
}

/** How files are used on a volume. A write waits for each hop to a thread and back, and both a log and a witness wait for the write. */
interface Volume {
  /** Added to how files are opened. */
  readonly flags: number;
  look(file: FileHandle, location: string): Sight | Promise<Sight>;
  /** Resolves when the bytes are durable. */
  write(file: FileHandle, bytes: Uint8Array, position: number): Promise<void>;
}

/** Looks at once, which takes microseconds, and writes durably in one hop. */
export const LOCAL: Volume = {
  flags: constants.O_DSYNC,
  look(file, location) {
    const isNamed = isSameFile(fstatSync(file.fd, { bigint: true }), statSync(location, { bigint: true }));
    const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
    return { isNamed, bytes: bytes.subarray(0, readSync(file.fd, bytes, 0, bytes.length, 0)) };
  },
  write: writeWhole,
};

/** Nothing here waits on the main thread: a guard often lies on a server's volume, and reads go on when that hangs. */
export const REMOTE: Volume = {
  flags: 0,
  async look(file, location) {
    const [held, named, bytes] = await Promise.all([
      file.stat({ bigint: true }),
      stat(location, { bigint: true }),
      readGuard(file),
    ]);
    return { isNamed: isSameFile(held, named), bytes };
  },
  async write(file, bytes, position) {
    await writeWhole(file, bytes, position);
    await file.datasync();
  },
};

/** As {@link openGuardFile}. @param location - absolute. */
export async function openGuardFileOn(location: string, volume: Volume): Promise<Guard> {
  let file = await openExisting(location, volume); // owned by writeSlot(), setAside() and close()
  let isClosed = false; // owned by close()
  let writing: Promise<void> = Promise.resolve(); // owned by write(): one at a time
  let known: Known | undefined; // owned by writeSlot()

  const writeSlot = async (record: GuardRecord): Promise<void> => {
    if (isClosed) throw new TlogError("GUARD_FAILED", `the guard ${location} is closed`);
    if (file === undefined) {
      file = await createGuardFile(location, { record, volume });
      return;
    }
    const { isNamed, bytes } = await volume.look(file, location);
    if (!isNamed)
      throw new TlogError("WRITER_REPLACED", `another file took the place of the guard ${location}`);
    const newest =
      known !== undefined && Buffer.compare(known.bytes, bytes) === 0
        ? known.newest
        : newestIn(bytes, location);
    refuseForeignWrite(newest.record, record, location);
    const next = {
      sequence: newest.sequence + 1,
      record: {
        ...record,
        signed: largerHead(newest.record, record),
        keys: moreChanges(newest.record, record),
      },
    };
    const slot = formatSlot(next);
    const position = (next.sequence % SLOTS) * SLOT_BYTES;
    await volume.write(file, slot, position);
    bytes.set(slot, position);
    known = { bytes, newest: next };
  };

  return {
    location,
    async read() {
      if (file === undefined) return undefined;
      return newestIn(await asGuardFailure(readGuard(file), location), location).record;
    },
    write(record) {
      const result = writing.then(() => asGuardFailure(writeSlot(record), location));
      writing = result.catch(() => undefined);
      return result;
    },
    async setAside() {
      await writing;
      if (file !== undefined) await asGuardFailure(assertIsGuard(file, location), location);
      await file?.close();
      file = undefined;
      await asGuardFailure(renameIfThere(location, `${location}.old`), location);
    },
    async close() {
      isClosed = true;
      await writing;
      await file?.close();
      file = undefined;
    },
  };
}

/** What the file held after the last write: while it still does, it need not be parsed again. */
interface Known {
  readonly bytes: Uint8Array;
  readonly newest: Slot;
}

/** Whether two paths (the nearest existing parents count) lie on the same volume. */
export async function onSameVolume(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([deviceOf(resolve(a)), deviceOf(resolve(b))]);
  return left === right;
}

async function deviceOf(path: string): Promise<number> {
  try {
    return (await stat(path)).dev;
  } catch {
    return dirname(path) === path ? -1 : deviceOf(dirname(path));
  }
}

async function openExisting(location: string, { flags }: Volume): Promise<FileHandle | undefined> {
  try {
    return await open(location, constants.O_RDWR + flags);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw new TlogError("GUARD_FAILED", `cannot open the guard ${location}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A handle follows a file that was renamed or removed; what a later opening reads is the file of this name. */
function isSameFile(held: BigIntStats, named: BigIntStats): boolean {
  return held.ino === named.ino && held.dev === named.dev;
}

/**
 * Whole file under another name, synced, then linked: the guard never exists half written, and never takes the place of one
 * that another opening made meanwhile.
 */
async function createGuardFile(
  location: string,
  { record, volume }: { readonly record: GuardRecord; readonly volume: Volume },
): Promise<FileHandle> {
  const temporary = `${location}.${randomBytes(8).toString("hex")}.new`;
  const file = await open(temporary, CREATE + volume.flags, 0o600);
  try {
    const bytes = new Uint8Array(SLOTS * SLOT_BYTES).fill(0x0a);
    bytes.set(formatSlot({ sequence: 1, record }), SLOT_BYTES);
    await writeWhole(file, bytes, 0);
    await file.sync();
    await link(temporary, location);
    await syncDirectory(dirname(location));
    return file;
  } catch (error) {
    await file.close();
    if (!hasErrorCode(error, "EEXIST")) throw error;
    throw new TlogError("WRITER_REPLACED", `another opening made the guard ${location} meanwhile`);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A disk that becomes full may take a part of a write without an error. */
async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, position);
  if (bytesWritten === bytes.length) return;
  throw new TlogError("GUARD_FAILED", `the guard: want ${bytes.length} bytes written, got ${bytesWritten}`);
}

/** Even a guard of which both records are torn begins one of them with its format's name. */
async function assertIsGuard(file: FileHandle, location: string): Promise<void> {
  const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const name = encodeUtf8(FORMAT);
  const begins = (at: number) => name.every((byte, offset) => bytes[at + offset] === byte);
  if (bytesRead === 0 || begins(0) || begins(SLOT_BYTES)) return;
  throw new TlogError("GUARD_MALFORMED", `${location} is no guard, and is left as it is`);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
  }
}

/** @returns fewer bytes than a guard has when the file is shorter. */
async function readGuard(file: FileHandle): Promise<Uint8Array> {
  const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}

/** @throws {TlogError} GUARD_MALFORMED */
function newestIn(bytes: Uint8Array, location: string): Slot {
  const wanted = SLOTS * SLOT_BYTES;
  if (bytes.length === wanted) return newestSlotIn(bytes, location);
  throw new TlogError("GUARD_MALFORMED", `guard ${location}: want ${wanted} bytes, got ${bytes.length}`);
}

/** A size that was signed is never forgotten: a writer that is being replaced may have signed since its successor looked. */
function largerHead(held: GuardRecord, next: GuardRecord): GuardedHead | undefined {
  return (held.signed?.treeSize ?? 0) > (next.signed?.treeSize ?? 0) ? held.signed : next.signed;
}

/** Nor is a change of keys. */
function moreChanges(held: GuardRecord, next: GuardRecord): GuardedKeys | undefined {
  return (held.keys?.changes ?? 0) > (next.keys?.changes ?? 0) ? held.keys : next.keys;
}

/** Two servers on copies of one directory share a guard: whoever opened last owns it, the other must stop. */
function refuseForeignWrite(held: GuardRecord, next: GuardRecord, location: string): void {
  // Before anything was signed there is nothing to protect, and a crashed first opening must not lock the log out.
  if (held.signed === undefined || held.nextLineage === next.lineage) return;
  // Who is named next has begun to take the log over, and may not be forgotten: its store may hold that token already.
  const forgetsNext = held.nextLineage !== undefined && next.nextLineage === undefined;
  if (held.lineage === next.lineage && !forgetsNext) return;
  throw new TlogError(
    "WRITER_REPLACED",
    `another process took over the guard ${location} at epoch ${held.epoch}`,
  );
}

async function asGuardFailure<T>(action: Promise<T>, location: string): Promise<T> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof TlogError) throw error;
    throw new TlogError("GUARD_FAILED", `cannot use the guard ${location}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
