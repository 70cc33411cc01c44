/** A copy of a data directory, made while the log runs, and put back. The guard and the key are left where they are, on purpose: decision 0042. */
import { readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { isThere, makeDirectory } from "../node/make-directory.ts";
import { replaceDurably } from "../node/replace-durably.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { DATA_FILE } from "../store/data-directory.ts";
import { openLmdbReader } from "../store/lmdb.ts";
import { copyDataFile } from "../store/lmdb-copy.ts";
import { formatManifest, MANIFEST_FILE, type Manifest } from "./manifest.ts";
import type { TreeHead } from "./source.ts";
import { type Verifying, verifyStore } from "./verify-store.ts";

/** Where a copy lies until it is known to be good. */
export const UNFINISHED = ".unfinished";

export interface BackupOptions {
  /** The log's data directory; a server may be running on it. */
  readonly directory: string;
  /** Made; or empty. */
  readonly to: string;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onCopied?: (done: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly onVerified?: (done: Verifying) => void;
}

/**
 * Copies the data of a log, running or not, verifies the copy entry by entry, and gives it its name only then.
 * @throws {TlogError} USAGE (`to` holds something) | STORE_DIRECTORY_FOREIGN | STORE_DAMAGED | STORE_FAILED | FILE_UNWRITABLE | ABORTED, and as
 *   {@link verifyStore}: then nothing is left of the copy
 */
export async function backUp(options: BackupOptions): Promise<Manifest> {
  const { directory, to, signal } = options;
  const reader = await openLmdbReader({ directory });
  try {
    return await inEmptyDirectory(to, async (unfinished) => {
      const copied = await copyDataFile({
        from: directory,
        to: join(unfinished, DATA_FILE),
        hold: reader.hold,
        signal,
        onProgress: options.onCopied,
      });
      const verified = await verifyCopy(unfinished, { signal, onProgress: options.onVerified });
      const { origin, storeId, head, publishedSize } = verified;
      const manifest = {
        origin,
        storeId,
        ...head,
        publishedSize,
        ...copied,
        madeAt: options.now().toISOString(),
      };
      await rename(join(unfinished, DATA_FILE), join(to, DATA_FILE));
      await syncDirectory(to);
      await replaceDurably(join(to, MANIFEST_FILE), formatManifest(manifest), { mode: 0o600 });
      return manifest;
    });
  } finally {
    await reader.close();
  }
}

export interface VerifiedCopy {
  readonly origin: string;
  readonly storeId: string;
  readonly lineage: string | undefined;
  readonly head: TreeHead;
  readonly publishedSize: number | undefined;
}

/** Reads a copy from end to end. @throws {TlogError} as {@link verifyStore} | STORE_DIRECTORY_FOREIGN */
export async function verifyCopy(
  directory: string,
  args: Pick<Parameters<typeof verifyStore>[1], "signal" | "onProgress">,
): Promise<VerifiedCopy> {
  const reader = await openLmdbReader({ directory });
  try {
    const head = await verifyStore(reader, { directory, ...args });
    const { published } = await reader.head();
    return { origin: reader.origin, ...reader.identity(), head, publishedSize: published?.treeSize };
  } finally {
    await reader.close();
  }
}

/**
 * Runs `work` with a folder inside `directory`, which is made when absent. When it fails, all is as it was before.
 * @throws {TlogError} USAGE when the directory holds something | FILE_UNWRITABLE
 */
export async function inEmptyDirectory<T>(
  directory: string,
  work: (unfinished: string) => Promise<T>,
): Promise<T> {
  return await asUnwritable(directory, async () => {
    const wasThere = await isThere(() => stat(directory));
    const names = wasThere ? await readdir(directory) : [];
    const foreign = names.find((name) => name !== UNFINISHED && name !== "lost+found");
    if (foreign !== undefined) {
      throw new TlogError(
        "USAGE",
        `${directory} holds ${foreign}: give a directory that is empty or does not exist yet`,
      );
    }
    const unfinished = join(directory, UNFINISHED);
    await makeDirectory(directory, { mode: 0o700 });
    // What an earlier try that was killed left.
    await rm(unfinished, { recursive: true, force: true });
    await makeDirectory(unfinished, { mode: 0o700 });
    try {
      const made = await work(unfinished);
      await rm(unfinished, { recursive: true, force: true });
      return made;
    } catch (error) {
      for (const name of [UNFINISHED, DATA_FILE, MANIFEST_FILE]) {
        await rm(join(directory, name), { recursive: true, force: true });
      }
      if (!wasThere) await rmdir(directory).catch(() => undefined);
      throw error;
    }
  });
}

async function asUnwritable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}
