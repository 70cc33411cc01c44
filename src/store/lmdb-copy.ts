/**
 * A copy of a data file that a writer may be writing, as LMDB's own copy call makes it, in pieces: so it can be stopped, shows how far it is,
 * and is hashed on the way. spec/decisions/0042
 *
 * The snapshot that is held keeps every page of it, and of every later one, from being used again, and a page is written before a meta page names
 * it. So the meta pages, read after the snapshot began and before anything else, name pages that stay as they are while they are copied.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { DATA_FILE } from "./data-directory.ts";
import { damaged } from "./lmdb-failure.ts";

/** Where the first meta page has the size of pages: header, magic, version, address, map size, then the first database's first field. */
const PAGE_SIZE_OFFSET = 48;
/** Where a meta page has the number of its last page: after two databases of 48 bytes each. */
const LAST_PAGE_OFFSET = PAGE_SIZE_OFFSET + 2 * 48;
const META_PAGES = 2;
const PIECE_BYTES = 4 * 1024 * 1024;
/** Two readings that agree are no half of a write. */
const META_ATTEMPTS = 100;

export interface CopiedFile {
  readonly bytes: number;
  /** SHA-256, 64 lowercase hex digits. */
  readonly sha256: string;
}

export interface CopyOptions {
  /** Holds a directory's data. */
  readonly from: string;
  /** Made anew, mode 0600; its name is durable once its folder is synced. */
  readonly to: string;
  /** Keeps the snapshot, until the returned function is called. */
  readonly hold: () => () => void;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: { readonly bytes: number; readonly totalBytes: number }) => void) | undefined;
}

/**
 * To be asked before a file is opened that may have been cut: LMDB maps it, and a page beyond its end ends the process (SIGBUS). Pages that
 * are in no use may be missing rightly, so that not every such file is damaged: `fsck` tells, for it reads in processes of its own.
 * @throws {TlogError} STORE_DAMAGED (it is shorter than it says, or no LMDB file) | STORE_FAILED (it cannot be read)
 */
export async function assertReachesItsEnd(directory: string): Promise<void> {
  const source = join(directory, DATA_FILE);
  const input = await readable(source, () => open(source, "r"));
  try {
    const meta = await metaPages(input, source);
    const { size } = await readable(source, () => input.stat());
    const pageSize = meta.length / META_PAGES;
    const last = Math.max(...[0, pageSize].map((page) => u64At(meta, page + LAST_PAGE_OFFSET)));
    const named = (last + 1) * pageSize;
    if (size >= named) return;
    throw damaged(
      `${source} ends after ${size} of its ${named} bytes: \`fsck\` tells whether they were in use`,
    );
  } finally {
    await input.close();
  }
}

function u64At(bytes: Buffer, at: number): number {
  const isLittle = endianness() === "LE";
  const words = [at, at + 4].map((place) =>
    isLittle ? bytes.readUInt32LE(place) : bytes.readUInt32BE(place),
  );
  const [low = 0, high = 0] = isLittle ? words : words.reverse();
  return high * 2 ** 32 + low;
}

/**
 * @throws {TlogError} STORE_DAMAGED (the file is shorter than it says, or no LMDB file) | STORE_FAILED (it cannot be read) | FILE_UNWRITABLE | ABORTED
 */
export async function copyDataFile(options: CopyOptions): Promise<CopiedFile> {
  const release = options.hold();
  try {
    const source = join(options.from, DATA_FILE);
    const input = await readable(source, () => open(source, "r"));
    try {
      const meta = await metaPages(input, source);
      const { size } = await readable(source, () => input.stat());
      return await copyPages({ ...options, input, source, meta, size });
    } finally {
      await input.close();
    }
  } finally {
    release();
  }
}

async function copyPages(
  args: CopyOptions & {
    readonly input: FileHandle;
    readonly source: string;
    readonly meta: Uint8Array;
    readonly size: number;
  },
): Promise<CopiedFile> {
  const { input, source, to, meta, size, signal, onProgress } = args;
  const hash = createHash("sha256").update(meta);
  const output = await writable(to, () => open(to, "wx", 0o600));
  try {
    await writable(to, () => output.writeFile(meta));
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = meta.length; at < size; ) {
      if (signal.aborted) throw new TlogError("ABORTED", "stopped");
      const position = at;
      const length = Math.min(PIECE_BYTES, size - at);
      const { bytesRead } = await readable(source, () => input.read(piece, 0, length, position));
      if (bytesRead === 0) throw damaged(`${source} ends at ${at} of ${size} bytes`);
      hash.update(piece.subarray(0, bytesRead));
      await writable(to, () => output.writeFile(piece.subarray(0, bytesRead)));
      at += bytesRead;
      onProgress?.({ bytes: at, totalBytes: size });
    }
    await writable(to, () => output.sync());
  } finally {
    await output.close();
  }
  return { bytes: Math.max(size, meta.length), sha256: hash.digest("hex") };
}

/** @throws {TlogError} STORE_DAMAGED */
async function metaPages(input: FileHandle, source: string): Promise<Buffer> {
  const head = await firstBytes(input, source, PAGE_SIZE_OFFSET + 4);
  const pageSize =
    endianness() === "LE" ? head.readUInt32LE(PAGE_SIZE_OFFSET) : head.readUInt32BE(PAGE_SIZE_OFFSET);
  if (pageSize < 512 || pageSize > 65_536) throw damaged(`${source} names pages of ${pageSize} bytes`);
  let before = await firstBytes(input, source, META_PAGES * pageSize);
  for (let attempt = 0; attempt < META_ATTEMPTS; attempt++) {
    const again = await firstBytes(input, source, META_PAGES * pageSize);
    if (again.equals(before)) return again;
    before = again;
  }
  throw new TlogError("STORE_FAILED", `${source}: its first pages changed at every look`);
}

async function firstBytes(input: FileHandle, source: string, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await readable(source, () => input.read(Buffer.alloc(length), 0, length, 0));
  if (bytesRead === length) return buffer;
  throw damaged(`${source} ends within its first ${length} bytes`);
}

async function readable<T>(path: string, action: () => Promise<T>): Promise<T> {
  return await action().catch((cause: unknown) => {
    throw new TlogError("STORE_FAILED", `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
}

async function writable<T>(path: string, action: () => Promise<T>): Promise<T> {
  return await action().catch((cause: unknown) => {
    throw new TlogError("FILE_UNWRITABLE", `cannot write ${path}: ${messageOf(cause)}`, { cause });
  });
}
