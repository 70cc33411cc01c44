import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";

const MAX_KEY_FILE_BYTES = 16 * 1024;
/** Permission bits below this one belong to the group and to others. */
const OWNER_BITS = 0o100;

/**
 * Reads a signing key file: one line, `PRIVATE+KEY+<name>+<key id>+<base64>` (Go's note key text), mode 0600.
 * @returns the line, without its newline; parse it with `parseSigningKey`.
 * @throws {TlogError} KEY_FILE_MISSING | KEY_FILE_EXPOSED (others may read it) | KEY_FILE_MALFORMED | FILE_UNREADABLE
 */
export async function readSigningKeyFile(path: string): Promise<string> {
  const location = resolve(path);
  const file = await openKeyFile(location);
  try {
    const { mode, size } = await file.stat();
    const permissions = mode % 0o1000;
    // Windows has no such bits; Node reports 0666 there for every file.
    if (process.platform !== "win32" && permissions % OWNER_BITS !== 0) {
      const shown = permissions.toString(8).padStart(4, "0");
      throw new TlogError(
        "KEY_FILE_EXPOSED",
        `${location}: want mode 0600, got ${shown}; run: chmod 600 ${location}`,
      );
    }
    if (size > MAX_KEY_FILE_BYTES) {
      throw new TlogError(
        "KEY_FILE_MALFORMED",
        `${location}: want at most ${MAX_KEY_FILE_BYTES} bytes, got ${size}`,
      );
    }
    return onlyLine(await readText(file, location), location);
  } finally {
    await file.close();
  }
}

/**
 * Writes a signing key to a new file, mode 0600, synced with its directory before it resolves.
 * @throws {TlogError} KEY_FILE_EXISTS: a key is never overwritten. FILE_UNWRITABLE
 */
export async function writeSigningKeyFile(path: string, signingKey: string): Promise<void> {
  const location = resolve(path);
  const file = await createExclusive(location);
  try {
    await file.writeFile(`${signingKey}\n`);
    await file.sync();
  } catch (error) {
    // Half a key would only stand in the way of the next attempt.
    await rm(location, { force: true });
    throw new TlogError("FILE_UNWRITABLE", `cannot write ${location} (${codeOf(error)})`, { cause: error });
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(location));
}

async function openKeyFile(location: string) {
  try {
    return await open(location, constants.O_RDONLY);
  } catch (error) {
    const missing = hasErrorCode(error, "ENOENT");
    throw new TlogError(
      missing ? "KEY_FILE_MISSING" : "FILE_UNREADABLE",
      `cannot read the key file ${location} (${codeOf(error)})`,
      {
        cause: error,
      },
    );
  }
}

async function createExclusive(location: string) {
  try {
    return await open(location, "wx", 0o600);
  } catch (error) {
    const exists = hasErrorCode(error, "EEXIST");
    const message = exists
      ? `${location} exists already, and a key is never overwritten`
      : `cannot create ${location} (${codeOf(error)})`;
    throw new TlogError(exists ? "KEY_FILE_EXISTS" : "FILE_UNWRITABLE", message, { cause: error });
  }
}

/** The decoder's and the system's errors would not say which file; neither may show what is in it. */
async function readText(file: FileHandle, location: string): Promise<string> {
  try {
    return decodeUtf8(await file.readFile());
  } catch (error) {
    throw new TlogError("KEY_FILE_MALFORMED", `${location}: want a text file of one line (${codeOf(error)})`);
  }
}

function onlyLine(text: string, location: string): string {
  const line = text.endsWith("\n") ? text.slice(0, -1) : text;
  if (line.length === 0 || line.includes("\n")) {
    throw new TlogError(
      "KEY_FILE_MALFORMED",
      `${location}: want one line PRIVATE+KEY+…, got ${line.length === 0 ? "nothing" : "several lines"}`,
    );
  }
  return line;
}
