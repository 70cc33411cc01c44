import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, parseDecimal } from "../tlog/encoding.ts";
import type { Guard, GuardedHead, GuardRecord } from "./guard.ts";

/*
 * bristlecone-guard/v1
 * sequence 12
 * origin example.com/log
 * store 5f0c…
 * epoch 3
 * lineage 91ab…
 * next -
 * signed 20852163 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 * checksum <SHA-256 of the lines above, hex>
 *
 * The file is two such slots of 4096 bytes, padded with newlines. Writes alternate between them and end with fdatasync:
 * a write torn by a power cut leaves the other slot, and what the torn one recorded was never signed.
 */
const FORMAT = "bristlecone-guard/v1";
const SLOT_BYTES = 4096;
const SLOTS = 2;

interface Slot {
  readonly sequence: number;
  readonly record: GuardRecord;
}

/**
 * Opens the guard file at `path`; it is created at the first write. Mode 0600.
 * @throws {TlogError} GUARD_FAILED when the file exists and cannot be opened.
 */
export async function openGuardFile(path: string): Promise<Guard> {
  const location = resolve(path);
  let file = await openExisting(location); // owned by writeSlot(), setAside() and close()
  let isClosed = false; // owned by close()
  let writing: Promise<void> = Promise.resolve(); // owned by write(): one at a time

  const writeSlot = async (record: GuardRecord): Promise<void> => {
    if (isClosed) throw new TlogError("GUARD_FAILED", `the guard ${location} is closed`);
    if (file === undefined) {
      file = await createGuardFile(location, record);
      return;
    }
    await assertStillNamed(file, location);
    const newest = newestSlot(await readSlots(file, location), location);
    refuseForeignWrite(newest.record, record, location);
    const sequence = newest.sequence + 1;
    await writeWhole(file, formatSlot({ sequence, record }), (sequence % SLOTS) * SLOT_BYTES);
    await file.datasync();
  };

  return {
    location,
    async read() {
      if (file === undefined) return undefined;
      return newestSlot(await asGuardFailure(readSlots(file, location), location), location).record;
    },
    write(record) {
      const result = writing.then(() => asGuardFailure(writeSlot(record), location));
      writing = result.catch(() => undefined);
      return result;
    },
    async setAside() {
      await writing;
      if (file !== undefined) await asGuardFailure(assertIsGuard(file, location), location);
      await file?.close();
      file = undefined;
      await asGuardFailure(renameIfThere(location, `${location}.old`), location);
    },
    async close() {
      isClosed = true;
      await writing;
      await file?.close();
      file = undefined;
    },
  };
}

/** Whether two paths (the nearest existing parents count) lie on the same volume. */
export async function onSameVolume(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([deviceOf(resolve(a)), deviceOf(resolve(b))]);
  return left === right;
}

async function deviceOf(path: string): Promise<number> {
  try {
    return (await stat(path)).dev;
  } catch {
    return dirname(path) === path ? -1 : deviceOf(dirname(path));
  }
}

async function openExisting(location: string): Promise<FileHandle | undefined> {
  try {
    return await open(location, "r+");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw new TlogError("GUARD_FAILED", `cannot open the guard ${location}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The handle follows a file that was renamed or removed; what a later opening reads is the file of this name. */
async function assertStillNamed(file: FileHandle, location: string): Promise<void> {
  const [held, named] = await Promise.all([file.stat({ bigint: true }), stat(location, { bigint: true })]);
  if (held.ino === named.ino && held.dev === named.dev) return;
  throw new TlogError("WRITER_REPLACED", `another file took the place of the guard ${location}`);
}

/**
 * Whole file under another name, synced, then linked: the guard never exists half written, and never takes the place of one
 * that another opening made meanwhile.
 */
async function createGuardFile(location: string, record: GuardRecord): Promise<FileHandle> {
  const temporary = `${location}.${randomBytes(8).toString("hex")}.new`;
  const file = await open(temporary, "wx+", 0o600);
  try {
    await writeWhole(file, formatSlot({ sequence: 1, record }), SLOT_BYTES);
    await writeWhole(file, new Uint8Array(SLOT_BYTES).fill(0x0a), 0);
    await file.sync();
    await link(temporary, location);
    await syncDirectory(dirname(location));
    return file;
  } catch (error) {
    await file.close();
    if (!hasErrorCode(error, "EEXIST")) throw error;
    throw new TlogError("WRITER_REPLACED", `another opening made the guard ${location} meanwhile`);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A disk that becomes full may take a part of a write without an error. */
async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, position);
  if (bytesWritten === bytes.length) return;
  throw new TlogError("GUARD_FAILED", `the guard: want ${bytes.length} bytes written, got ${bytesWritten}`);
}

/** Even a guard of which both records are torn begins one of them with its format's name. */
async function assertIsGuard(file: FileHandle, location: string): Promise<void> {
  const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const name = encodeUtf8(FORMAT);
  const begins = (at: number) => name.every((byte, offset) => bytes[at + offset] === byte);
  if (bytesRead === 0 || begins(0) || begins(SLOT_BYTES)) return;
  throw new TlogError("GUARD_MALFORMED", `${location} is no guard, and is left as it is`);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
  }
}

async function readSlots(file: FileHandle, location: string): Promise<readonly (Slot | undefined)[]> {
  const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  if (bytesRead !== bytes.length) {
    throw new TlogError("GUARD_MALFORMED", `guard ${location}: want ${bytes.length} bytes, got ${bytesRead}`);
  }
  return Array.from({ length: SLOTS }, (_, slot) =>
    parseSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)),
  );
}

function newestSlot(slots: readonly (Slot | undefined)[], location: string): Slot {
  let newest: Slot | undefined;
  for (const slot of slots) {
    if (slot !== undefined && (newest === undefined || slot.sequence > newest.sequence)) newest = slot;
  }
  if (newest === undefined) {
    throw new TlogError("GUARD_MALFORMED", `guard ${location}: neither of its two records is whole`);
  }
  return newest;
}

/** Two servers on copies of one directory share a guard: whoever opened last owns it, the other must stop. */
function refuseForeignWrite(held: GuardRecord, next: GuardRecord, location: string): void {
  // Before anything was signed there is nothing to protect, and a crashed first opening must not lock the log out.
  if (held.signed === undefined || held.lineage === next.lineage || held.nextLineage === next.lineage) return;
  throw new TlogError(
    "WRITER_REPLACED",
    `another process took over the guard ${location} at epoch ${held.epoch}`,
  );
}

function formatSlot({ sequence, record }: Slot): Uint8Array {
  const lines = [
    FORMAT,
    `sequence ${sequence}`,
    `origin ${record.origin}`,
    `store ${record.storeId}`,
    `epoch ${record.epoch}`,
    `lineage ${record.lineage}`,
    `next ${record.nextLineage ?? "-"}`,
    `signed ${record.signed === undefined ? "-" : `${record.signed.treeSize} ${encodeBase64(record.signed.rootHash)}`}`,
  ];
  const text = encodeUtf8(`${lines.join("\n")}\n`);
  const sealed = encodeUtf8(`checksum ${checksum(text)}\n`);
  const slot = new Uint8Array(SLOT_BYTES).fill(0x0a);
  if (text.length + sealed.length > SLOT_BYTES) {
    throw new TlogError(
      "GUARD_FAILED",
      `the guard's record wants ${text.length + sealed.length} bytes, has room for ${SLOT_BYTES}`,
    );
  }
  slot.set(text);
  slot.set(sealed, text.length);
  return slot;
}

const SLOT_PATTERN =
  /^bristlecone-guard\/v1\nsequence (\d+)\norigin ([^\n]+)\nstore ([0-9a-f]{32})\nepoch (\d+)\nlineage ([0-9a-f]{32})\nnext (-|[0-9a-f]{32})\nsigned (-|\d+ [A-Za-z0-9+/=]{44})\nchecksum ([0-9a-f]{64})\n+$/;

/** @returns undefined for a slot that is empty, torn or damaged: the other one then decides. */
function parseSlot(bytes: Uint8Array): Slot | undefined {
  try {
    return parseSlotText(decodeUtf8(bytes));
  } catch {
    return undefined;
  }
}

function parseSlotText(text: string): Slot | undefined {
  const match = SLOT_PATTERN.exec(text);
  if (match === null) return undefined;
  const [
    ,
    sequence = "",
    origin = "",
    storeId = "",
    epoch = "",
    lineage = "",
    next = "",
    signed = "",
    sum = "",
  ] = match;
  if (checksum(encodeUtf8(text.slice(0, text.lastIndexOf("checksum ")))) !== sum) return undefined;
  const nextLineage = next === "-" ? undefined : next;
  return {
    sequence: parseDecimal(sequence),
    record: {
      origin,
      storeId,
      epoch: parseDecimal(epoch),
      lineage,
      nextLineage,
      signed: parseSigned(signed),
    },
  };
}

function parseSigned(text: string): GuardedHead | undefined {
  if (text === "-") return undefined;
  const [treeSize = "", rootHash = ""] = text.split(" ");
  return { treeSize: parseDecimal(treeSize), rootHash: decodeBase64(rootHash) };
}

function checksum(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

async function asGuardFailure<T>(action: Promise<T>, location: string): Promise<T> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof TlogError) throw error;
    throw new TlogError("GUARD_FAILED", `cannot use the guard ${location}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
