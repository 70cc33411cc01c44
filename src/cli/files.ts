import { lstat, open, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type ErrorCode, TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { makeDirectory } from "../node/make-directory.ts";
import { replaceDurably } from "../node/replace-durably.ts";
import { syncDirectory } from "../node/sync-directory.ts";

/**
 * Reads a whole small file.
 * @param path - "-" stands for `stdin`.
 * @param limits.tooLarge - the code for more than `maxBytes`; default FILE_UNREADABLE.
 * @throws {TlogError} FILE_UNREADABLE | `tooLarge`
 */
export async function readSmallFile(
  path: string,
  limits: {
    readonly maxBytes: number;
    readonly tooLarge?: ErrorCode;
    readonly stdin?: AsyncIterable<Uint8Array>;
  },
): Promise<Uint8Array> {
  const { maxBytes, tooLarge = "FILE_UNREADABLE", stdin } = limits;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of path === "-" && stdin !== undefined ? stdin : readChunks(path)) {
    length += chunk.length;
    if (length > maxBytes) throw new TlogError(tooLarge, `${path}: want at most ${maxBytes} bytes, got more`);
    chunks.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(chunks, length));
}

/** The bytes of a file, at most 64 KiB at a time. @throws {TlogError} FILE_UNREADABLE */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path, "r");
    yield* file.createReadStream(); // closes the file
  } catch (cause) {
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}

/**
 * Saves a file durably and in one step: a reader sees the old bytes or the new ones. What is there and is no regular file,
 * such as a link, a pipe or /dev/stdout, is written into, as a shell's ">" does.
 * @throws {TlogError} FILE_UNWRITABLE
 */
export async function replaceFile(path: string, data: Uint8Array | string): Promise<void> {
  try {
    const there = await lstat(path).catch(undefinedIfMissing);
    if (there === undefined) await replaceDurably(path, data, { mode: 0o666 });
    else if (there.isFile()) await replaceDurably(path, data, { mode: there.mode % 0o1000 });
    else await writeInto(path, data);
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}

/**
 * Adds to the end of a file durably, in one write, or makes it. Several who do so at the same time each get theirs in.
 * @throws {TlogError} FILE_UNWRITABLE, also when only a part had room: then the file ends in that part
 */
export async function appendToFile(path: string, data: Uint8Array): Promise<void> {
  const { bytesWritten } = await appendOnce(path, data).catch((cause: unknown) => {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  });
  if (bytesWritten === data.length) return;
  throw new TlogError(
    "FILE_UNWRITABLE",
    `${path}: there was room for a part of what was added; want its last line mended`,
  );
}

/** Saves what only this user may read, in a new file. @throws {TlogError} FILE_UNWRITABLE, also when there is one */
export async function saveNewSecret(path: string, data: string): Promise<void> {
  try {
    await writeFile(path, data, { flag: "wx", mode: 0o600, flush: true });
    await syncDirectory(dirname(path));
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}

/** Makes a directory and those above it, unless it is there. @throws {TlogError} FILE_UNWRITABLE */
export async function makeFolder(path: string, { mode }: { readonly mode: number }): Promise<void> {
  try {
    await makeDirectory(resolve(path), { mode });
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}

async function appendOnce(path: string, data: Uint8Array): Promise<{ readonly bytesWritten: number }> {
  const file = await open(path, "a", 0o666);
  try {
    const written = await file.write(data);
    await file.sync();
    await syncDirectory(dirname(path));
    return written;
  } finally {
    await file.close();
  }
}

async function writeInto(path: string, data: Uint8Array | string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(data);
    if ((await file.stat()).isFile()) await file.sync(); // a pipe has nothing to sync, and fails
  } finally {
    await file.close();
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}
