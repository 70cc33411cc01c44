/** A copy of a data directory, made while the log runs, and put back. The guard and the key are left where they are, on purpose: decision 0042. */
import { join } from "node:path";
import { replaceDurably } from "../node/replace-durably.ts";
import { DATA_FILE } from "../store/data-directory.ts";
import { openLmdbReader } from "../store/lmdb.ts";
import { copyDataFile } from "../store/lmdb-copy.ts";
import { besideEmptyDirectory } from "./empty-directory.ts";
import { formatManifest, MANIFEST_FILE, type Manifest } from "./manifest.ts";
import type { TreeHead } from "./source.ts";
import { openWholeReader } from "./store-source.ts";
import { type Verifying, verifyStore } from "./verify-store.ts";

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
 * @throws {TlogError} USAGE (`to` holds something) | STORE_LOCKED (`to` is being filled) | STORE_DIRECTORY_FOREIGN | STORE_DAMAGED | STORE_FAILED | FILE_UNWRITABLE | ABORTED, and as
 *   {@link verifyStore}: then nothing is left of the copy
 */
export async function backUp(options: BackupOptions): Promise<Manifest> {
  const { directory, to, signal } = options;
  const reader = await openWholeReader(directory);
  try {
    return await besideEmptyDirectory(to, [MANIFEST_FILE], async ({ folder, put }) => {
      const copied = await copyDataFile({
        from: directory,
        to: join(folder, DATA_FILE),
        hold: reader.hold,
        signal,
        onProgress: options.onCopied,
      });
      const verified = await verifyCopy(folder, { signal, onProgress: options.onVerified });
      const { origin, storeId, head, publishedSize } = verified;
      const manifest = {
        origin,
        storeId,
        ...head,
        publishedSize,
        ...copied,
        madeAt: options.now().toISOString(),
      };
      await put(DATA_FILE);
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
