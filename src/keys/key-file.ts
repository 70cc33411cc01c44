import { open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { syncDirectory } from "../node/sync-directory.ts";
import { decodeUtf8, encodeUtf8 } from "../tlog/encoding.ts";
import { decryptAge, encryptAge, isAgeFile } from "./age-file.ts";
import { findPassphrases, readPrivateFile, type SecretSources } from "./secrets.ts";

const MAX_KEY_FILE_BYTES = 16 * 1024;

/**
 * Reads a signing key file: one line, `PRIVATE+KEY+<name>+<key id>+<base64>` (Go's note key text), mode 0600; or that line encrypted
 * with a passphrase, as `age -p` does it.
 * @returns the line, without its newline; parse it with `parseSigningKey`.
 * @throws {TlogError} KEY_FILE_MISSING | KEY_FILE_EXPOSED (others may read it) | KEY_FILE_MALFORMED | FILE_UNREADABLE |
 *   PASSPHRASE_MISSING | PASSPHRASE_WRONG
 */
export async function readSigningKeyFile(path: string, sources: SecretSources = {}): Promise<string> {
  const location = resolve(path);
  const { credentialsDirectory } = sources;
  const bytes = await readPrivateFile(location, { maxBytes: MAX_KEY_FILE_BYTES, credentialsDirectory });
  return onlyLine(isAgeFile(bytes) ? await decrypted(bytes, location, sources) : bytes, location);
}

/**
 * Writes a signing key to a new file, mode 0600, synced with its directory before it resolves.
 * @param options.passphrase - encrypts it.
 * @throws {TlogError} KEY_FILE_EXISTS: a key is never overwritten. FILE_UNWRITABLE
 */
export async function writeSigningKeyFile(
  path: string,
  signingKey: string,
  { passphrase }: { readonly passphrase?: string | undefined } = {},
): Promise<void> {
  const location = resolve(path);
  const line = encodeUtf8(`${signingKey}\n`);
  const bytes = passphrase === undefined ? line : await encryptAge(line, { passphrase });
  const file = await createExclusive(location);
  try {
    await file.writeFile(bytes);
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

async function decrypted(bytes: Uint8Array, location: string, sources: SecretSources): Promise<Uint8Array> {
  const tried = new Set<string>();
  for await (const passphrase of findPassphrases(`the key file ${location}`, sources)) {
    // Each try takes a second or so.
    if (tried.has(passphrase)) continue;
    tried.add(passphrase);
    try {
      return await decryptAge(bytes, { passphrase });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      if (error.code === "PASSPHRASE_WRONG") continue;
      throw new TlogError(error.code, `${location}: ${error.message}`, { cause: error });
    }
  }
  const words = tried.size === 1 ? "this passphrase does not open it" : "none of these passphrases opens it";
  throw new TlogError("PASSPHRASE_WRONG", `${location}: ${words}`);
}

/** No message shows what is in the file. */
function onlyLine(bytes: Uint8Array, location: string): string {
  const text = textOf(bytes, location);
  const line = text.endsWith("\n") ? text.slice(0, -1) : text;
  if (line.length === 0 || line.includes("\n")) {
    throw new TlogError(
      "KEY_FILE_MALFORMED",
      `${location}: want one line PRIVATE+KEY+…, got ${line.length === 0 ? "nothing" : "several lines"}`,
    );
  }
  return line;
}

/** The decoder's error would not say which file. */
function textOf(bytes: Uint8Array, location: string): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new TlogError("KEY_FILE_MALFORMED", `${location}: want a text file of one line`);
  }
}
