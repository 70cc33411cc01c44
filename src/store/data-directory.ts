/** The directory a log or a witness lives in: made private and durable, never one that holds something else. */
import { access, constants, open, readdir, stat } from "node:fs/promises";
import { endianness } from "node:os";
import { join, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { isThere, makeDirectory } from "../node/make-directory.ts";
import { syncDirectory } from "../node/sync-directory.ts";

export const DATA_FILE = "data.mdb";
export const LOCK_SOCKET = "writer.sock";
const LOCK_FILE = "lock.mdb";
/** What an opening for writing makes, its lock apart. */
export const STORE_FILES: readonly string[] = [DATA_FILE, LOCK_FILE, "leaf-index"];
/** The first meta page of an LMDB data file: a page header of 24 bytes, then magic and version, 4 bytes each. */
const HEADER_BYTES = 32;
const MAGIC_OFFSET = 24;
const VERSION_OFFSET = 28;
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_DATA_VERSION = 2;
const READ_AND_WRITE = constants.R_OK + constants.W_OK;
/**
 * What an otherwise empty directory may hold: LMDB's lock file, our socket, the logs of a witness that never ran yet, and what
 * file systems leave lying about.
 */
const HARMLESS = new Set([LOCK_FILE, LOCK_SOCKET, "logs.json", "listed-logs.json", "lost+found"]);

/**
 * Makes the directory, readable by its owner only, when it is absent.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN when it is no directory, or holds files but no data | STORE_FAILED
 */
export async function prepareDirectory(directory: string): Promise<void> {
  const names = await namesIn(directory);
  if (names === undefined) {
    return await usable(directory, () => makeDirectory(resolve(directory), { mode: 0o700 }));
  }
  if (names.includes(DATA_FILE)) return;
  const foreign = names.find((name) => !HARMLESS.has(name) && !name.startsWith("."));
  if (foreign === undefined) return;
  throw new TlogError(
    "STORE_DIRECTORY_FOREIGN",
    `${directory} holds ${foreign} but no data of ours: give an empty directory, or one that does not exist yet`,
  );
}

/** @throws {TlogError} STORE_DIRECTORY_FOREIGN unless the directory holds a data file | STORE_FAILED */
export async function assertDataFile(directory: string, what: "log" | "witness"): Promise<void> {
  const names = (await namesIn(directory)) ?? [];
  if (names.includes(DATA_FILE)) return;
  throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} holds no ${what}`);
}

/**
 * Looks at LMDB's files before LMDB does, because lmdb-js brings the whole process down when LMDB refuses one.
 * @throws {TlogError} STORE_DAMAGED when the data file is no LMDB file | STORE_SCHEMA_UNKNOWN when it is one of another
 *   LMDB | STORE_FAILED when this process may not use the files
 */
export async function assertLmdbFiles(directory: string): Promise<void> {
  await assertUsable(join(directory, LOCK_FILE));
  const path = join(directory, DATA_FILE);
  if (!(await assertUsable(path))) return;
  const header = await usable(path, () => firstBytes(path));
  // An opening that was interrupted may leave an empty file.
  if (header.length === 0) return;
  const isLittleEndian = header.length === HEADER_BYTES && header.readUInt32LE(MAGIC_OFFSET) === LMDB_MAGIC;
  const isBigEndian = header.length === HEADER_BYTES && header.readUInt32BE(MAGIC_OFFSET) === LMDB_MAGIC;
  if (!isLittleEndian && !isBigEndian) throw new TlogError("STORE_DAMAGED", `${path} is no LMDB data file`);
  const version = isLittleEndian
    ? header.readUInt16LE(VERSION_OFFSET)
    : header.readUInt16BE(VERSION_OFFSET + 2);
  if (isLittleEndian === (endianness() === "LE") && version === LMDB_DATA_VERSION) return;
  throw new TlogError(
    "STORE_SCHEMA_UNKNOWN",
    `${path}: want LMDB data version ${LMDB_DATA_VERSION} of this machine's byte order, got ${version}`,
  );
}

/** Makes the names of the files durable. @throws {TlogError} STORE_FAILED */
export async function syncFileNames(directory: string): Promise<void> {
  await usable(directory, () => syncDirectory(directory));
}

/**
 * Makes durable what the page cache holds of the data file, so that nothing an earlier process left half synced is shown.
 * @throws {TlogError} STORE_FAILED
 */
export async function syncDataFile(directory: string): Promise<void> {
  const path = join(directory, DATA_FILE);
  await usable(path, async () => {
    const file = await open(path, "r");
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  });
}

/** @returns whether the file is there. */
async function assertUsable(path: string): Promise<boolean> {
  return await usable(path, () => isThere(() => access(path, READ_AND_WRITE)));
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** @returns undefined when there is no such directory. */
async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  return await usable(directory, async () => {
    if (!(await isThere(() => stat(directory)))) return undefined;
    return await readdir(directory).catch((error: unknown) => {
      if (!hasErrorCode(error, "ENOTDIR")) throw error;
      throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} is no directory`);
    });
  });
}

/** Runs `action`; what the file system throws becomes STORE_FAILED with the path. */
async function usable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof TlogError) throw error;
    throw new TlogError("STORE_FAILED", `cannot use ${path}: ${messageOf(error)}`, { cause: error });
  }
}
