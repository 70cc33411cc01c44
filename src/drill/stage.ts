/**
 * Where rehearsals happen: a copy of a log under another name, with a key of the drill's own, in a folder that is gone afterwards. Nothing here
 * reads a key or a guard of the log, so nothing that is signed here can be taken for its.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, constants as fsConstants } from "node:fs";
import { copyFile, cp, mkdir, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { formatManifest, MANIFEST_FILE } from "../archive/manifest.ts";
import { openWholeReader } from "../archive/store-source.ts";
import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { isThere } from "../node/make-directory.ts";
import { type NoteSigner, openGuardFile, openLog, openSigner } from "../server.ts";
import { DATA_FILE } from "../store/data-directory.ts";
import { openLmdbReader } from "../store/lmdb.ts";
import { assertReachesItsEnd, copyDataFile } from "../store/lmdb-copy.ts";
import { renameCopy } from "../store/lmdb-rename.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../tlog/key.ts";

/** A data directory, and what lies beside it. */
export interface Place {
  readonly data: string;
  readonly guard: string;
}

export interface Stage {
  readonly folder: string;
  /** A backup of the log under its name here, whole, with all that `bristlecone backup` writes. */
  readonly backup: string;
  /** What the guard said when the backup was made. */
  readonly backupGuard: string;
  readonly origin: string;
  /** The drill's own key: as text, in a file, and opened. */
  readonly signingKey: string;
  readonly keyFile: string;
  readonly signer: NoteSigner;
  readonly vkey: string;
  readonly treeSize: number;
  readonly bytes: number;
  /** Of the log that was copied. */
  readonly original: { readonly origin: string; readonly isFrozen: boolean; readonly keyChanges: number };
}

export interface StageOptions {
  /** A data directory, whose server may run; or a backup. Only read. */
  readonly from: string;
  /** Is there, empty, and the drill's own. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly onCopied: (done: { readonly bytes: number; readonly totalBytes: number }) => void;
}

/** Nobody can own a name below it: RFC 2606 §2. */
const DRILL_DOMAIN = "drill.invalid";
/** Names of witnesses are made of it, and have 255 bytes. */
const MAX_ORIGIN_CHARS = 160;

/**
 * Copies the log, takes its name from the copy, and has the drill's key sign it.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED | INCOMPLETE | FILE_UNWRITABLE | ABORTED
 */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { folder, signal } = options;
  const backup = join(folder, "backup");
  await mkdir(backup, { mode: 0o700 });
  const formerOrigin = await copyLogFrom(options, join(backup, DATA_FILE));
  const origin = `${DRILL_DOMAIN}/${encodeHex(randomBytes(4))}/${formerOrigin}`.slice(0, MAX_ORIGIN_CHARS);
  const { formerHead } = await renameCopy({ directory: backup, origin });
  const key = await drillKey(origin, join(folder, "drill.key"));
  const backupGuard = join(folder, "backup.guard");
  const guard = await openGuardFile(backupGuard);
  const log = await openLog({ directory: backup, signer: key.signer, guard, minFreeBytes: 0 });
  const { treeSize } = log.published();
  await log.close();
  if (signal.aborted) throw new TlogError("ABORTED", "stopped");
  const bytes = await describe(backup, options.now());
  const { keys, frozen } = formerHead;
  const original = { origin: formerOrigin, isFrozen: frozen !== undefined, keyChanges: keys?.changes ?? 0 };
  return { folder, backup, backupGuard, origin, ...key, treeSize, bytes, original };
}

/** Copies what is on the stage again; the guard with it, as of one moment. */
export async function copyOfStage({ backup, backupGuard }: Stage, to: string): Promise<Place> {
  await cp(backup, to, {
    recursive: true,
    mode: fsConstants.COPYFILE_FICLONE,
    filter: (path) => !NOT_COPIED.has(basename(path)) && !path.endsWith(".sock"),
  });
  const guard = `${to}.guard`;
  await copyFile(backupGuard, guard);
  return { data: to, guard };
}

const NOT_COPIED = new Set([MANIFEST_FILE, "lock.mdb"]);

/** A key of this name, in a file of this path. */
export async function drillKey(
  name: string,
  keyFile: string,
): Promise<Pick<Stage, "signingKey" | "keyFile" | "signer" | "vkey">> {
  const signingKey = formatSigningKey(await generateSigningKey({ name }));
  await writeFile(keyFile, `${signingKey}\n`, { mode: 0o600, flag: "wx" });
  const signer = await openSigner(signingKey);
  return { signingKey, keyFile, signer, vkey: formatVerifierKey(signer.verifierKey) };
}

/** One moment of the log, whoever writes it meanwhile. @returns its name */
async function copyLogFrom({ from, signal, onCopied }: StageOptions, to: string): Promise<string> {
  await assertReachesItsEnd(from);
  // Without it nobody has the directory open, and to open it here would make it: a backup stays as it is.
  if (!(await isThere(() => stat(join(from, "lock.mdb"))))) {
    await copyDataFile({ from, to, hold: () => () => undefined, signal, onProgress: onCopied });
    return await originIn(join(to, ".."));
  }
  const reader = await openWholeReader(from);
  try {
    await copyDataFile({ from, to, hold: reader.hold, signal, onProgress: onCopied });
    return reader.origin;
  } finally {
    await reader.close();
  }
}

async function originIn(directory: string): Promise<string> {
  const reader = await openLmdbReader({ directory });
  await reader.close();
  return reader.origin;
}

/** Makes a backup of a copy, by what says so. @returns the size of its data file */
async function describe(directory: string, now: Date): Promise<number> {
  const reader = await openLmdbReader({ directory });
  const { integrated, published } = await reader.head();
  const { storeId } = reader.identity();
  await reader.close();
  const path = join(directory, DATA_FILE);
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  const { size: bytes } = await stat(path);
  const manifest = formatManifest({
    origin: reader.origin,
    storeId,
    treeSize: integrated.treeSize,
    rootHash: rangeRoot(integrated),
    publishedSize: published?.treeSize,
    bytes,
    sha256: hash.digest("hex"),
    madeAt: now.toISOString(),
  });
  await writeFile(join(directory, MANIFEST_FILE), manifest, { mode: 0o600 });
  return bytes;
}
