import { randomBytes } from "node:crypto";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { TlogError } from "../errors.ts";

/**
 * Reads a whole small file.
 * @param path - "-" stands for `stdin`.
 * @throws {TlogError} FILE_UNREADABLE (missing, or larger than maxBytes)
 */
export async function readSmallFile(
  path: string,
  { maxBytes, stdin }: { readonly maxBytes: number; readonly stdin?: AsyncIterable<Uint8Array> },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of path === "-" && stdin !== undefined ? stdin : readChunks(path)) {
    length += chunk.length;
    if (length > maxBytes)
      throw new TlogError("FILE_UNREADABLE", `${path}: want at most ${maxBytes} bytes, got more`);
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
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${systemCode(cause)})`, { cause });
  }
}

/** Replaces a file in one step: a reader sees the old bytes or the new ones. @throws {TlogError} FILE_UNWRITABLE */
export async function replaceFile(path: string, data: Uint8Array | string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(draft, data, { flag: "wx" });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${systemCode(cause)})`, { cause });
  }
}

/** "ENOENT" and its like, for messages. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
}
