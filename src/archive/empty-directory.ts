/** A directory that a command fills: no other process writes to it meanwhile, and when the command fails it is as it was before. */
import { link, lstat, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { isThere } from "../node/make-directory.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { LOCK_SOCKET } from "../store/data-directory.ts";
import { lockDirectory } from "../store/directory-lock.ts";

/** Where a copy lies until it is known to be good: each run has a folder of its own. */
const ASIDE = ".unfinished-";
const IS_ASIDE = /^\.unfinished-[A-Za-z0-9]{6}$/u;
const HARMLESS = new Set([LOCK_SOCKET, "lost+found"]);
/** Says that the file system has no hard links. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/**
 * Runs `work` with the directory locked. What `work` made it removes itself when it fails.
 * @param directory - made when absent; else empty.
 * @throws {TlogError} USAGE (it holds something) | STORE_LOCKED | FILE_UNWRITABLE | STORE_FAILED
 */
export async function inEmptyDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  return await asUnwritable(directory, async () => {
    const wasThere = await isThere(() => lstat(directory));
    // Before anything is made in it; and again, for who filled it before the lock was to be had.
    if (wasThere) await assertEmpty(directory);
    const lock = await lockDirectory(directory);
    try {
      const names = await assertEmpty(directory);
      // What was left by runs that were killed; where nothing can be locked they may be alive.
      const left = lock.isExclusive ? names.filter((name) => IS_ASIDE.test(name)) : [];
      for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
      return await work();
    } catch (error) {
      await lock.release();
      if (!wasThere) await rmdir(directory).catch(() => undefined);
      throw error;
    } finally {
      await lock.release();
    }
  });
}

export interface Aside {
  /** A folder inside the directory that is this run's own. */
  readonly folder: string;
  /** Gives a file of the folder its name in the directory, durably. @throws {TlogError} USAGE when that name is taken by now */
  put(name: string): Promise<void>;
}

/**
 * As {@link inEmptyDirectory}, with a folder to work in. When `work` fails, what it put into the directory is gone again.
 * @param also - what else `work` makes there, after it has put something.
 */
export async function besideEmptyDirectory<T>(
  directory: string,
  also: readonly string[],
  work: (aside: Aside) => Promise<T>,
): Promise<T> {
  return await inEmptyDirectory(directory, async () => {
    const folder = await mkdtemp(join(directory, ASIDE));
    const mine: string[] = [];
    const put = async (name: string): Promise<void> => {
      await giveName(join(folder, name), join(directory, name));
      mine.push(name, ...also);
      await syncDirectory(directory);
    };
    try {
      return await work({ folder, put });
    } catch (error) {
      for (const name of mine) await rm(join(directory, name), { force: true });
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Never over anything: a rename would take the place of what another process made meanwhile. */
async function giveName(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const isTaken = await isThere(() => lstat(to));
    if (isTaken)
      throw new TlogError("USAGE", `${to} was made by another process meanwhile`, { cause: error });
    if (!NO_LINKS.has(codeOf(error))) throw error;
    await rename(from, to);
  }
}

/** @returns what it holds all the same. @throws {TlogError} USAGE */
async function assertEmpty(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory);
  const foreign = names.find((name) => !HARMLESS.has(name) && !IS_ASIDE.test(name));
  if (foreign === undefined) return names;
  throw new TlogError(
    "USAGE",
    `${directory} holds ${foreign}: give a directory that is empty or does not exist yet`,
  );
}

async function asUnwritable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}
