import { mkdir, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sha256 } from "#crypto";
import type { CheckpointMemory } from "../../client/checkpoint-memory.ts";
import { TlogError } from "../errors.ts";
import { encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { replaceDurably } from "./replace-durably.ts";

/** Far more than any checkpoint: a note with a hundred ML-DSA-44 cosignatures stays below it. */
const MAX_CHECKPOINT_BYTES = 1024 * 1024;

/**
 * Remembers one checkpoint per log in `<directory>/<hex SHA-256 of the origin>.checkpoint`, so that no origin, whatever
 * characters it has, names a file elsewhere. Files are replaced by renaming and are 0600, the directory 0700.
 * @param directory - made on the first save.
 * @returns a memory whose methods throw CHECKPOINT_MEMORY_FAILED when the file system does.
 */
export function fileCheckpointMemory(directory: string): CheckpointMemory {
  const folder = resolve(directory);
  const pathFor = (origin: string): string =>
    join(folder, `${encodeHex(sha256(encodeUtf8(origin)))}.checkpoint`);
  return {
    load: (origin) => guarded(pathFor(origin), () => readIfPresent(pathFor(origin))),
    save: (origin, checkpoint) =>
      guarded(pathFor(origin), () => replace(folder, pathFor(origin), checkpoint)),
  };
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > MAX_CHECKPOINT_BYTES) {
      throw new TlogError(
        "CHECKPOINT_MEMORY_FAILED",
        `${path}: want at most ${MAX_CHECKPOINT_BYTES} bytes, got ${size}`,
      );
    }
    return Uint8Array.from(await file.readFile());
  } finally {
    await file.close();
  }
}

async function replace(folder: string, path: string, checkpoint: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceDurably(path, checkpoint, { mode: 0o600 });
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TlogError) throw error;
    throw new TlogError("CHECKPOINT_MEMORY_FAILED", `${path}: ${codeOf(error)}`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
