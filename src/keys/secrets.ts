/** Passphrases and PINs: read from files, or asked for; never from a flag, the environment or a URI, which others can see. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { TlogError } from "../errors.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";

/** What is asked for. */
export interface SecretWanted {
  readonly kind: "passphrase" | "PIN";
  /** What it opens: "the key file /etc/log.key". */
  readonly of: string;
}

/** Where secrets come from. */
export interface SecretSources {
  /** Files with passphrases, the likelier first: each is tried. */
  readonly passphraseFiles?: readonly string[];
  /** What systemd's LoadCredential= made for this service, and says in CREDENTIALS_DIRECTORY. */
  readonly credentialsDirectory?: string | undefined;
  /** Asks whoever sits there; undefined: nobody does. */
  readonly ask?: ((wanted: SecretWanted) => Promise<string>) | undefined;
}

/** What the credentials are called. */
export const CREDENTIALS = Object.freeze({ passphrase: "bristlecone.passphrase", PIN: "bristlecone.pin" });

const MAX_SECRET_BYTES = 1024;
/** Permission bits: the owner's are above, the group's and others' below. */
const OWNER_BITS = 0o100;
/** A file of systemd: of root, and an access list says that this service may read it too, which shows in the group's bits. */
const CREDENTIAL_MODE = 0o440;

/**
 * One passphrase or PIN: of the file named, of the service's credential, or of whoever is there.
 * @throws {TlogError} PASSPHRASE_MISSING | KEY_FILE_EXPOSED | KEY_FILE_MISSING | KEY_FILE_MALFORMED | FILE_UNREADABLE | ABORTED
 */
export async function findSecret(
  wanted: SecretWanted,
  sources: SecretSources,
  file: string | undefined,
): Promise<string> {
  const files = file === undefined ? [] : [file];
  for await (const secret of secretsOf(wanted, sources, files)) return secret;
  throw missing(wanted);
}

/**
 * Every passphrase that there is, one after the other: of the files, of the service's credential, then of whoever is there. What comes later is
 * read, or asked for, only when it is taken: a key file says which one opens it.
 * @throws {TlogError} as {@link findSecret}
 */
export async function* findPassphrases(of: string, sources: SecretSources): AsyncGenerator<string> {
  const wanted = { kind: "passphrase", of } as const;
  let isAny = false;
  for await (const secret of secretsOf(wanted, sources, sources.passphraseFiles ?? [])) {
    isAny = true;
    yield secret;
  }
  if (!isAny) throw missing(wanted);
}

async function* secretsOf(
  wanted: SecretWanted,
  sources: SecretSources,
  files: readonly string[],
): AsyncGenerator<string> {
  const { credentialsDirectory, ask } = sources;
  for (const file of new Set(files)) yield await readSecretFile(file, sources);
  if (credentialsDirectory !== undefined) {
    const path = resolve(credentialsDirectory, CREDENTIALS[wanted.kind]);
    const secret = await readSecretFile(path, sources).catch((error: unknown) => {
      if (error instanceof TlogError && error.code === "KEY_FILE_MISSING") return undefined;
      throw error;
    });
    if (secret !== undefined) yield secret;
  }
  const secret = await ask?.(wanted);
  if (secret !== undefined && secret !== "") yield secret;
}

function missing(wanted: SecretWanted): TlogError {
  const way = wanted.kind === "passphrase" ? "--passphrase-file FILE" : "pin-source=FILE in the pkcs11: URI";
  return new TlogError(
    "PASSPHRASE_MISSING",
    `${wanted.of} wants a ${wanted.kind}: give ${way}, the credential ${CREDENTIALS[wanted.kind]} of systemd, or a terminal to ask on`,
  );
}

/**
 * Opens a file that nobody else may read. Mode 0600 or less; of systemd's credentials also 0440.
 * @throws {TlogError} KEY_FILE_MISSING | KEY_FILE_EXPOSED | KEY_FILE_MALFORMED (too long) | FILE_UNREADABLE
 */
export async function readPrivateFile(
  path: string,
  {
    maxBytes,
    credentialsDirectory,
  }: { readonly maxBytes: number } & Pick<SecretSources, "credentialsDirectory">,
): Promise<Uint8Array> {
  const location = resolve(path);
  const file = await openPrivateFile(location);
  try {
    const { mode, size, isFile } = await statOf(file);
    if (!isFile) throw new TlogError("KEY_FILE_MALFORMED", `${location}: want a file`);
    const permissions = mode % 0o1000;
    const isCredential =
      credentialsDirectory !== undefined &&
      location.startsWith(`${resolve(credentialsDirectory)}${sep}`) &&
      permissions === CREDENTIAL_MODE;
    // Windows has no such bits; Node reports 0666 there for every file.
    if (process.platform !== "win32" && permissions % OWNER_BITS !== 0 && !isCredential) {
      const shown = permissions.toString(8).padStart(4, "0");
      throw new TlogError(
        "KEY_FILE_EXPOSED",
        `${location}: want mode 0600, got ${shown}; run: chmod 600 ${location}`,
      );
    }
    if (size > maxBytes) {
      throw new TlogError("KEY_FILE_MALFORMED", `${location}: want at most ${maxBytes} bytes, got ${size}`);
    }
    return await readWhole(file, location);
  } finally {
    await file.close();
  }
}

async function readSecretFile(
  path: string,
  { credentialsDirectory }: Pick<SecretSources, "credentialsDirectory">,
): Promise<string> {
  const bytes = await readPrivateFile(path, { maxBytes: MAX_SECRET_BYTES, credentialsDirectory });
  const secret = secretIn(bytes);
  if (secret !== undefined && secret !== "" && !/[\n\r\0]/.test(secret)) return secret;
  throw new TlogError("KEY_FILE_MALFORMED", `${resolve(path)}: want one line, the passphrase or PIN`);
}

/** Without the newline that editors end it with. */
function secretIn(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes).replace(/\r?\n$/, "");
  } catch {
    return undefined; // the decoder's error quotes it
  }
}

async function statOf(file: FileHandle) {
  const found = await file.stat();
  return { mode: found.mode, size: found.size, isFile: found.isFile() };
}

async function openPrivateFile(location: string): Promise<FileHandle> {
  try {
    return await open(location, constants.O_RDONLY);
  } catch (error) {
    const missing = hasErrorCode(error, "ENOENT");
    const message = `cannot read the key file ${location} (${codeOf(error)})`;
    throw new TlogError(missing ? "KEY_FILE_MISSING" : "FILE_UNREADABLE", message, { cause: error });
  }
}

async function readWhole(file: FileHandle, location: string): Promise<Uint8Array> {
  try {
    return await file.readFile();
  } catch (error) {
    throw new TlogError("FILE_UNREADABLE", `cannot read ${location} (${codeOf(error)})`, { cause: error });
  }
}
