/** A backup put back, and what the log's guard will say to it. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ErrorCode, TlogError } from "../errors.ts";
import { checkGuard, type Guard, type GuardRecord, KeyChangesMissingError } from "../keys/guard.ts";
import { openKeptHistory } from "../log/own-keys.ts";
import { vouchedHead } from "../log/read-back.ts";
import { codeOf } from "../node/errno.ts";
import { DATA_FILE } from "../store/data-directory.ts";
import { openLmdbReader } from "../store/lmdb.ts";
import { copyDataFile } from "../store/lmdb-copy.ts";
import { assertFilled } from "../store/rules.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { changeHashes } from "../tlog/key-history.ts";
import { verifyCopy } from "./backup.ts";
import { besideEmptyDirectory } from "./empty-directory.ts";
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "./manifest.ts";
import type { Verifying } from "./verify-store.ts";

export interface RestoreOptions {
  /** What `backUp` made. */
  readonly from: string;
  /** Made; or empty. */
  readonly directory: string;
  /** Only read; closed by the caller. */
  readonly guard: Guard;
  /** Read the copy from end to end too, not only its checksum. */
  readonly verify: boolean;
  readonly signal: AbortSignal;
  readonly onCopied?: (done: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly onVerified?: (done: Verifying) => void;
}

/** What an opening of the restored directory will be told; `missing` entries are those that were signed and are not in it. */
export type GuardVerdict =
  | { readonly fits: true }
  | {
      readonly fits: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly missing: number;
      /** Whether it lacks a change of the log's keys. */
      readonly lacksKeyChanges: boolean;
    };

export interface Restored {
  readonly manifest: Manifest;
  readonly guard: GuardVerdict;
}

/**
 * @throws {TlogError} USAGE (`from` is no backup, `directory` holds something) | STORE_LOCKED | BACKUP_DAMAGED | STORE_DAMAGED | FILE_UNREADABLE | FILE_UNWRITABLE |
 *   ABORTED, and as `verifyStore`: then nothing is left of the copy
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, directory, guard, verify, signal } = options;
  const manifest = parseManifest(await readManifest(from));
  const record = await guard.read();
  await besideEmptyDirectory(directory, [], async ({ folder, put }) => {
    const to = join(folder, DATA_FILE);
    // Nobody writes a backup: there is nothing to hold.
    const hold = () => () => undefined;
    const copied = await copyDataFile({ from, to, hold, signal, onProgress: options.onCopied });
    if (copied.bytes !== manifest.bytes || copied.sha256 !== manifest.sha256) {
      throw new TlogError(
        "BACKUP_DAMAGED",
        `${join(from, DATA_FILE)} is not the file that was backed up: want ${manifest.bytes} bytes of SHA-256 ${manifest.sha256}, got ${copied.bytes} of ${copied.sha256}`,
      );
    }
    if (verify) {
      const { head } = await verifyCopy(folder, { signal, onProgress: options.onVerified });
      if (head.treeSize !== manifest.treeSize || !bytesEqual(head.rootHash, manifest.rootHash)) {
        throw new TlogError("BACKUP_DAMAGED", `${from} holds another tree than its ${MANIFEST_FILE} says`);
      }
    }
    await put(DATA_FILE);
  });
  return { manifest, guard: await verdictOf(directory, record, guard.location) };
}

async function verdictOf(
  directory: string,
  record: GuardRecord | undefined,
  location: string,
): Promise<GuardVerdict> {
  const reader = await openLmdbReader({ directory });
  try {
    const head = await reader.head();
    assertFilled(head);
    const { origin } = reader;
    const signed = await vouchedHead(reader, head, record?.signed);
    const keyChanges = changeHashes(await openKeptHistory(head, origin));
    checkGuard(record, { origin, ...reader.identity(), epoch: 0, signed, keyChanges }, location);
    return { fits: true };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const { treeSize } = (await reader.head()).integrated;
    const missing = Math.max(0, (record?.signed?.treeSize ?? 0) - treeSize);
    const lacksKeyChanges = error instanceof KeyChangesMissingError;
    return { fits: false, code: error.code, message: error.message, missing, lacksKeyChanges };
  } finally {
    await reader.close();
  }
}

async function readManifest(from: string): Promise<Uint8Array> {
  const path = join(from, MANIFEST_FILE);
  try {
    const { size } = await stat(path);
    if (size > MAX_MANIFEST_BYTES)
      throw new TlogError("BACKUP_DAMAGED", `${path}: want at most ${MAX_MANIFEST_BYTES} bytes, got ${size}`);
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError("USAGE", `${from} is no whole backup: ${path} cannot be read (${codeOf(cause)})`, {
      cause,
    });
  }
}
