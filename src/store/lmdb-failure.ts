/** What a failure of lmdb-js means: a full disk, which passes, or one after which nobody knows what is on it. */
import { statfs } from "node:fs/promises";
import { constants } from "node:os";
import { InvariantError, TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";

/** How long to wait for lmdb-js to say why a commit failed, after it said that it failed. */
const CAUSE_WAIT_MS = 1000;
/** A disk with less room than this is full. */
const FULL_DISK_BYTES = 1_048_576;
const MDB_MAP_FULL = -30792;
const FULL_CODES: readonly number[] = [
  constants.errno.ENOSPC,
  constants.errno.EDQUOT,
  constants.errno.EFBIG,
  MDB_MAP_FULL,
];

/** Turns a rejected transaction into a TlogError, and handles the second promise, whose rejection would end the process. */
export async function commitError(error: unknown): Promise<unknown> {
  if (error instanceof TlogError || error instanceof InvariantError) return error;
  if (!(error instanceof Error) || !("commitError" in error)) return storeError("the commit failed", error);
  const { commitError: reported } = error;
  return storeError("the commit failed", await causeOf(reported));
}

async function causeOf(reported: unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CAUSE_WAIT_MS);
  });
  try {
    return await Promise.race([reported, silence]);
  } catch (cause) {
    return cause;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tells a full disk from a broken one: LMDB reports a write that was cut short as EIO. Taking one for the other loses nothing,
 * because the pages of an aborted transaction are never read, and a head half written shows as a store that cannot be read.
 */
export async function fullOrFailed(directory: string, error: unknown): Promise<never> {
  if (!(error instanceof TlogError) || !hasErrorCode(error.cause, constants.errno.EIO)) throw error;
  // A disk that does not even say is not known to be full.
  const room = await statfs(directory).catch(() => undefined);
  if (room === undefined || room.bavail * room.bsize >= FULL_DISK_BYTES) throw error;
  throw new TlogError("STORE_FULL", `the disk of ${directory} is full`, { cause: error });
}

export function storeError(what: string, cause: unknown): TlogError {
  const isFull = FULL_CODES.some((code) => hasErrorCode(cause, code));
  return new TlogError(isFull ? "STORE_FULL" : "STORE_FAILED", `${what}: ${messageOf(cause)}`, { cause });
}

export function damaged(detail: string, cause?: unknown): TlogError {
  return new TlogError("STORE_DAMAGED", `the store is damaged: ${detail}`, { cause });
}

/** What follows a failure after which nobody knows what is on the disk. */
export function failed(what: string, cause: unknown): TlogError {
  return new TlogError("STORE_FAILED", `${what}: ${messageOf(cause)}`, { cause });
}
