/** The directory a log lives in: made private and durable, never one that holds something else. */
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { syncDirectory } from "../node/sync-directory.ts";

export const DATA_FILE = "data.mdb";
export const LOCK_SOCKET = "writer.sock";
/** What an otherwise empty directory may hold: LMDB's lock file, our socket, and what file systems leave lying about. */
const HARMLESS = new Set(["lock.mdb", LOCK_SOCKET, "lost+found"]);

/**
 * Makes the directory, readable by its owner only, when it is absent.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN when it is no directory, or holds files but no log.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  const names = await namesIn(directory);
  if (names === undefined) {
    const topmost = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (topmost !== undefined) await syncUpwards(resolve(directory), resolve(topmost));
    return;
  }
  if (names.includes(DATA_FILE)) return;
  const foreign = names.find((name) => !HARMLESS.has(name) && !name.startsWith("."));
  if (foreign === undefined) return;
  throw new TlogError(
    "STORE_DIRECTORY_FOREIGN",
    `${directory} holds ${foreign} but no log: give an empty directory, or one that does not exist yet`,
  );
}

/** @throws {TlogError} STORE_DIRECTORY_FOREIGN unless the directory holds a log. */
export async function assertLogDirectory(directory: string): Promise<void> {
  const names = (await namesIn(directory)) ?? [];
  if (names.includes(DATA_FILE)) return;
  throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} holds no log`);
}

/** Makes durable what the page cache holds of the data file, so that nothing an earlier process left half synced is shown. */
export async function syncDataFile(directory: string): Promise<void> {
  const file = await open(join(directory, DATA_FILE), "r");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Makes the names of `path` and of the new directories above it durable. */
async function syncUpwards(path: string, topmost: string): Promise<void> {
  for (let made = path; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === topmost || made === dirname(made)) return;
  }
}

/** @returns undefined when there is no such directory. */
async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  const found = await stat(directory).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw unusable(directory, error);
  });
  if (found === undefined) return undefined;
  if (!found.isDirectory()) {
    throw new TlogError("STORE_DIRECTORY_FOREIGN", `${directory} is no directory`);
  }
  return await readdir(directory).catch((error: unknown) => {
    throw unusable(directory, error);
  });
}

function unusable(directory: string, cause: unknown): TlogError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TlogError("STORE_FAILED", `cannot use ${directory}: ${why}`, { cause });
}
