/** A directory and the guard that watches over it, opened together: what a log and a witness have in common on disk. */
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, resolve, sep } from "node:path";
import { TlogError } from "./errors.ts";
import type { Guard } from "./keys/guard.ts";
import { onSameVolume, openGuardFile } from "./keys/guard-file.ts";
import { lockDirectory } from "./store/directory-lock.ts";

interface Closable {
  close(): Promise<void>;
}

export interface OpenDisks<Store extends Closable> {
  readonly store: Store;
  readonly guard: Guard;
}

/**
 * Locks the directory, opens its store, and its guard. Nothing stays open when a later step fails.
 * @param options.guard - closed too when the opening fails. Default: the file `<directory>.guard`.
 * @param options.warn - hears GUARD_ON_SAME_VOLUME.
 * @throws {TlogError} STORE_LOCKED | ARGUMENT_INVALID (a guard inside the directory) | GUARD_MALFORMED | GUARD_FAILED, and as `openStore`
 */
export async function openDisks<Store extends Closable>(
  directory: string,
  options: {
    readonly openStore: () => Promise<Store>;
    readonly guard?: Guard | undefined;
    readonly warn: (warning: { readonly code: string; readonly message: string }) => void;
  },
): Promise<OpenDisks<Store>> {
  let { guard } = options;
  let store: Store | undefined;
  try {
    store = await openLockedStore(directory, options.openStore);
    guard ??= await openGuardFile(`${resolve(directory)}.guard`);
    await assertGuardOutside(directory, guard);
    if (await onSameVolume(directory, guard.location)) options.warn(sameVolumeWarning(guard));
    return { store, guard };
  } catch (error) {
    await closeAll([store, guard]);
    throw error;
  }
}

/** What an opening that failed had open already. Its own error is the one to report, not one of these. */
export async function closeAll(opened: readonly (Closable | undefined)[]): Promise<void> {
  await Promise.allSettled(opened.map((one) => one?.close()));
}

/** The lock gives a second process a friendly word; the writer epoch in the store is what keeps it out. */
async function openLockedStore<Store extends Closable>(
  directory: string,
  openStore: () => Promise<Store>,
): Promise<Store> {
  const lock = await lockDirectory(directory);
  try {
    const store = await openStore();
    return { ...store, close: () => store.close().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function assertGuardOutside(directory: string, guard: Guard): Promise<void> {
  const [data, place] = await Promise.all([realPath(directory), realPath(dirname(guard.location))]);
  if (!isAbsolute(guard.location) || !`${place}${sep}`.startsWith(`${data}${sep}`)) return;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `the guard ${guard.location} lies in the data directory, and would be restored together with it`,
  );
}

function sameVolumeWarning(guard: Guard) {
  return {
    code: "GUARD_ON_SAME_VOLUME",
    message: `the guard ${guard.location} lies on the volume of the data directory: a restored volume would take both back`,
  };
}

/** Without symbolic links, where there is something; else as it is. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}
