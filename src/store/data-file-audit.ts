/**
 * Checks an LMDB data file from outside, before LMDB maps it: a file that was cut off ends the process that reads its missing pages.
 * spec/storage.md, The directory
 *
 *     0018  dec0 efbe 0200 0000   magic and data version of page 0; the same in page 1, a page further on
 *     0030  00100000              page size
 *     0090  b5b1000000000000      the last page that is used
 *     0098  8600000000000000      transaction that wrote this page
 *
 * Integers are in the byte order of the machine.
 */
import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";

const META_BYTES = 0xa0;
const MAGIC_AT = 0x18;
const PAGE_SIZE_AT = 0x30;
const LAST_PAGE_AT = 0x90;
const TRANSACTION_AT = 0x98;
const LMDB_MAGIC = 0xbeefc0de;
/** A writer may write one page after the other between two reads. */
const TRIES = 5;
const BETWEEN_TRIES_MS = 20;

interface MetaPage {
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** @returns what is wrong with the file as a whole, a sentence each. @throws what the file system throws */
export async function auditDataFile(directory: string): Promise<readonly string[]> {
  const file = await open(join(directory, "data.mdb"), "r");
  try {
    for (let tried = 1; ; tried++) {
      const problems = await problemsOf(file);
      if (problems.length === 0 || tried === TRIES) return problems;
      await pause(BETWEEN_TRIES_MS);
    }
  } finally {
    await file.close();
  }
}

/**
 * Before LMDB maps a file that may be damaged. One that is not there is left to the opening.
 * @throws {TlogError} STORE_DAMAGED | STORE_FAILED
 */
export async function assertWholeDataFile(directory: string): Promise<void> {
  const path = join(directory, "data.mdb");
  const [problem] = await auditDataFile(directory).catch((cause: unknown) => {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return [];
    throw new TlogError("STORE_FAILED", `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  if (problem !== undefined) throw new TlogError("STORE_DAMAGED", `${path}: ${problem}`);
}

async function problemsOf(file: FileHandle): Promise<readonly string[]> {
  const first = await read(file, 0);
  const pageSize = integer(first, PAGE_SIZE_AT, 4);
  const isPageSize = pageSize >= 256n && pageSize <= 65_536n && Number.isInteger(Math.log2(Number(pageSize)));
  if (!isPageSize) return [`page 0, byte ${PAGE_SIZE_AT}: ${pageSize} is no page size`];
  const metas = [first, await read(file, Number(pageSize))];
  const strange = metas.findIndex((page) => integer(page, MAGIC_AT, 4) !== BigInt(LMDB_MAGIC));
  if (strange >= 0)
    return [`page ${strange}, byte ${Number(pageSize) * strange + MAGIC_AT}: no meta page of LMDB`];
  const [a, b] = metas.map(metaIn);
  if (a === undefined || b === undefined) return [];
  const newest = a.transaction > b.transaction ? a : b;
  const { size } = await file.stat({ bigint: true });
  const wanted = (newest.lastPage + 1n) * pageSize;
  const problems: string[] = [];
  if (size < wanted) {
    problems.push(
      `it ends at byte ${size}, and its pages go to byte ${wanted}: ${wanted - size} bytes are cut off`,
    );
  }
  const apart = a.transaction > b.transaction ? a.transaction - b.transaction : b.transaction - a.transaction;
  if (apart > 1n) {
    problems.push(
      `its meta pages are of transactions ${a.transaction} and ${b.transaction}, which should follow each other: one of them changed, and an earlier state may show`,
    );
  }
  return problems;
}

function metaIn(page: Buffer): MetaPage {
  return { lastPage: integer(page, LAST_PAGE_AT, 8), transaction: integer(page, TRANSACTION_AT, 8) };
}

function integer(page: Buffer, at: number, bytes: 4 | 8): bigint {
  const isLittle = endianness() === "LE";
  if (bytes === 8) return isLittle ? page.readBigUInt64LE(at) : page.readBigUInt64BE(at);
  return BigInt(isLittle ? page.readUInt32LE(at) : page.readUInt32BE(at));
}

async function read(file: FileHandle, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(META_BYTES);
  await file.read(buffer, 0, META_BYTES, position);
  return buffer;
}
