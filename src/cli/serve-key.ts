import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Config } from "../config.ts";
import { type ErrorCode, TlogError } from "../errors.ts";
import { openGuardFile } from "../keys/guard-file.ts";
import { writeSigningKeyFile } from "../keys/key-file.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { openLogSigner } from "../keys/open-signer.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { ED25519, type NoteSigner } from "../tlog/key.ts";
import type { OwnKeyOptions } from "./key-options.ts";
import { newKey, newLocalKey } from "./new-key.ts";

/** Where a witness lives when nothing else was said. */
export const WITNESS_DATA = "./witness";

/** Where a log, or a witness, keeps its things. */
export interface DataPaths {
  readonly data: string;
  /** A path, or where else the key is: see keys/key-reference.ts. */
  readonly key: string;
  /** A second key, ML-DSA-44, that signs beside the first. */
  readonly mlDsaKey: string | undefined;
  /** Keys from before a change of keys, that sign too. */
  readonly formerKey?: string | undefined;
  readonly formerMlDsaKey?: string | undefined;
  readonly guard: string;
}

/**
 * @param options.fallback - the data directory, where none was set.
 * @throws {TlogError} CONFIG_INVALID when the guard lies inside the data directory: it has to outlive a restored backup.
 */
export function dataPaths(config: Config, options: { readonly fallback?: string } = {}): DataPaths {
  const { fallback } = options;
  const chosen =
    fallback !== undefined && config.choice(["data"]) === undefined ? fallback : config.value("data");
  const data = chosen.replace(/(?<=.)\/+$/, "");
  const key = config.value("key") ?? `${data}.key`;
  const guard = config.value("guard") ?? `${data}.guard`;
  if (isInside(guard, data)) {
    throw new TlogError(
      "CONFIG_INVALID",
      `--guard: want a path outside the data directory ${data}, got ${guard}; a backup of the directory must not bring back an old guard`,
    );
  }
  const mlDsaKey = config.value("mlDsaKey");
  if (
    [key, mlDsaKey, config.value("formerKey"), config.value("formerMlDsaKey")].some(
      (path) => path !== undefined && realPath(path) === realPath(guard),
    )
  ) {
    // Unsaid which: it may be a URI with a PIN in it, which no check has refused yet.
    throw new TlogError("CONFIG_INVALID", "--guard: want a file of its own, got the same as of a key");
  }
  const formerKey = config.value("formerKey");
  const formerMlDsaKey = config.value("formerMlDsaKey");
  return { data, key, mlDsaKey, formerKey, formerMlDsaKey, guard };
}

/**
 * Opens the log's keys; on the first start of a log, and only then, makes the Ed25519 one, if it is to be a file.
 * @param options.origin - the name asked for; undefined: the key's own, or that of the log that is there.
 * @returns the Ed25519 signer first. A former one whose agent or token is not there is told of, and left out.
 * @throws {TlogError} KEY_FILE_MISSING (of a log that exists), and as `openLogSigner`
 */
export async function openLogKeys(
  paths: DataPaths,
  options: OwnKeyOptions & { readonly origin: string | undefined },
): Promise<readonly NoteSigner[]> {
  const file = keyFileOf(paths.key);
  if (file !== undefined && !existsSync(file)) await makeKey(paths, { file, origin: options.origin });
  const signer = await openLogSigner(paths.key, {
    ...options,
    type: ED25519,
    name: await ownName(paths, options.origin),
    nameFlag: "--origin",
  });
  const { name } = signer.verifierKey;
  return [signer, ...(await openFurtherKeys(paths, { ...options, name }))];
}

/** What an agent or a token that is not there, or not with this key, fails with. */
const NOT_THERE: readonly ErrorCode[] = ["SIGNER_FAILED", "KEY_UNKNOWN"];

/** The second key, then those from before a change of keys. */
async function openFurtherKeys(
  { mlDsaKey, formerKey, formerMlDsaKey }: DataPaths,
  options: OwnKeyOptions & { readonly name: string },
): Promise<readonly NoteSigner[]> {
  const signers: NoteSigner[] = [];
  for (const [path, type, nameFlag, isFormer] of [
    [mlDsaKey, ML_DSA_44, "--ml-dsa-key", false],
    [formerKey, ED25519, "--former-key", true],
    [formerMlDsaKey, ML_DSA_44, "--former-ml-dsa-key", true],
  ] as const) {
    if (path === undefined) continue;
    const { passphraseFiles: files } = options;
    const passphraseFiles = isFormer ? files.toReversed() : files;
    try {
      signers.push(await openLogSigner(path, { ...options, passphraseFiles, type, nameFlag }));
    } catch (error) {
      // The log's own key signs: one that only helps must not stop it.
      if (!isFormer || !(error instanceof TlogError) || !NOT_THERE.includes(error.code)) throw error;
      options.notice(`${nameFlag}: it does not sign until the next start: ${error.message} [${error.code}]`);
    }
  }
  return signers;
}

/** The name asked for; else, where the key's holder keeps none, the one that the guard has: of a log or a witness that was started before. */
export async function ownName(
  { key, guard }: Pick<DataPaths, "key" | "guard">,
  asked: string | undefined,
): Promise<string | undefined> {
  if (asked !== undefined || keyFileOf(key) !== undefined || !existsSync(guard)) return asked;
  const file = await openGuardFile(guard);
  try {
    return (await file.read())?.origin;
  } finally {
    await file.close();
  }
}

async function makeKey(
  { data, guard }: DataPaths,
  { file, origin }: { readonly file: string; readonly origin: string | undefined },
): Promise<void> {
  const isLogThere = existsSync(guard) || (existsSync(data) && readdirSync(data).length > 0);
  if (isLogThere) {
    throw new TlogError(
      "KEY_FILE_MISSING",
      `the log in ${data} has no key at ${file}; a new one would make it another log, so bring the key back or name it with --key`,
    );
  }
  const { signingKey } = origin === undefined ? await newLocalKey() : await newKey(origin);
  await writeSigningKeyFile(file, signingKey);
}

function isInside(path: string, directory: string): boolean {
  const steps = relative(realPath(directory), realPath(path));
  return steps !== ".." && !steps.startsWith(`..${sep}`) && !isAbsolute(steps);
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  const absolute = resolve(path);
  if (existsSync(absolute)) return realpathSync(absolute);
  const parent = dirname(absolute);
  return parent === absolute ? absolute : join(realPath(parent), basename(absolute));
}
