/**
 * A static tlog-tiles directory as it is written: files of the paths of c2sp.org/tlog-tiles, which any web server serves as a whole log.
 * A file is written aside, synced and renamed, so that no reader meets half of one, and the checkpoint comes last: what it commits to is
 * durable before it is there.
 */
import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { makeDirectory } from "../node/make-directory.ts";
import { replaceDurably, writeSynced } from "../node/replace-durably.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { KEY_HISTORY_PATH } from "../tlog/key-history.ts";
import { type BundleCoordinate, formatBundlePath, formatTilePath, type Tile } from "../tlog/tile.ts";

/** Anybody may read a log, and a web server is another user. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** What there may be before the first checkpoint. */
const OURS = new Set(["tile", KEY_HISTORY_PATH, "lost+found"]);
/** Each waits for the disk: side by side they share its syncs. */
const MAX_WRITING = 32;

export interface StaticDirectory {
  /** Begins to write; resolves when there is room for the next. A failure is thrown by a later call at the latest by `publish`. */
  writeTile(tile: Tile, hashes: Uint8Array): Promise<void>;
  writeBundle(bundle: BundleCoordinate, bytes: Uint8Array): Promise<void>;
  /**
   * Replaces the checkpoint once everything written before is durable, the history of the log's keys too.
   * @param last - throws when that is not to be, asked just before
   */
  publish(
    shown: { readonly checkpoint: Uint8Array; readonly keyHistory: Uint8Array | undefined },
    last: () => Promise<void>,
  ): Promise<void>;
  /** Removes the partial tiles and bundles of a place whose full one is there. */
  prunePartials(at: { readonly level: number | "entries"; readonly index: number }): Promise<void>;
  /** Waits for what is being written, whether it fails or not: nothing is left half done. */
  settle(): Promise<void>;
  /** How many files were written, and their bytes; the checkpoint aside. */
  written(): { readonly files: number; readonly bytes: number };
}

/**
 * Makes the directory when it is absent.
 * @throws {TlogError} USAGE when it holds something else | FILE_UNWRITABLE
 */
export async function openStaticDirectory(directory: string): Promise<StaticDirectory> {
  await asUnwritable(directory, () => makeDirectory(directory, { mode: FOLDER_MODE }));
  const names = await asUnwritable(directory, () => readdir(directory));
  const isOurs = (name: string) => OURS.has(name) || name.startsWith(".");
  const foreign = names.find((name) => !isOurs(name));
  if (foreign !== undefined && !names.includes("checkpoint")) {
    throw new TlogError(
      "USAGE",
      `${directory} holds ${foreign} but no checkpoint: give an empty directory, one that does not exist yet, or an earlier export`,
    );
  }
  return new Writing(directory);
}

class Writing implements StaticDirectory {
  readonly #directory: string;
  readonly #folders = new Map<string, Promise<void>>(); // owned by #folder()
  readonly #writing = new Set<Promise<void>>(); // owned by #begin()
  #failure: unknown; // owned by #begin(): the first
  #files = 0; // owned by #begin()
  #bytes = 0; // owned by #begin()

  constructor(directory: string) {
    this.#directory = directory;
  }

  writeTile(tile: Tile, hashes: Uint8Array): Promise<void> {
    return this.#begin(formatTilePath(tile), hashes);
  }

  writeBundle(bundle: BundleCoordinate, bytes: Uint8Array): Promise<void> {
    return this.#begin(formatBundlePath(bundle), bytes);
  }

  async publish(
    { checkpoint, keyHistory }: Parameters<StaticDirectory["publish"]>[0],
    last: () => Promise<void>,
  ): Promise<void> {
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure;
    const path = join(this.#directory, "checkpoint");
    await asUnwritable(this.#directory, async () => {
      for (const folder of this.#folders.keys()) await syncDirectory(folder);
      await removeLeftovers(this.#directory);
      await last();
      // Who meets the checkpoint of a new key finds what leads to it.
      if (keyHistory !== undefined) {
        await replaceDurably(join(this.#directory, KEY_HISTORY_PATH), keyHistory, { mode: FILE_MODE });
      }
      await replaceDurably(path, checkpoint, { mode: FILE_MODE });
    });
  }

  async prunePartials(at: { readonly level: number | "entries"; readonly index: number }): Promise<void> {
    const { level, index } = at;
    const full =
      level === "entries"
        ? formatBundlePath({ index, width: 256 })
        : formatTilePath({ level, index, width: 256 });
    await asUnwritable(this.#directory, () =>
      rm(join(this.#directory, `${full}.p`), { recursive: true, force: true }),
    );
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  written(): { readonly files: number; readonly bytes: number } {
    return { files: this.#files, bytes: this.#bytes };
  }

  async #begin(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const target = join(this.#directory, path);
    const writing = asUnwritable(target, () => this.#write(target, bytes))
      .then(() => {
        this.#files += 1;
        this.#bytes += bytes.length;
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    while (this.#writing.size >= MAX_WRITING) await Promise.race(this.#writing);
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#folder(dirname(path));
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await writeSynced(temporary, bytes, { mode: FILE_MODE });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #folder(path: string): Promise<void> {
    const known = this.#folders.get(path) ?? cleanFolder(path);
    this.#folders.set(path, known);
    return known;
  }
}

/** Of an export that was killed here, half-written files are left: nobody else writes, so they are nobody's. */
const LEFTOVER = /\.[0-9a-f]{12}(?:[0-9a-f]{4})?\.tmp$/;

async function cleanFolder(path: string): Promise<void> {
  await makeDirectory(path, { mode: FOLDER_MODE });
  await removeLeftovers(path);
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (LEFTOVER.test(name)) await rm(join(folder, name), { force: true });
}

/** What the file system throws becomes FILE_UNWRITABLE with the path. */
async function asUnwritable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}
