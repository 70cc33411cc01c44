import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import { readSigningKeyFile, writeSigningKeyFile } from "../keys/key-file.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { ED25519, type NoteSigner, openSigner } from "../tlog/key.ts";
import { newKey, newLocalKey } from "./new-key.ts";

/** Where a witness lives when nothing else was said. */
export const WITNESS_DATA = "./witness";

/** Where a log, or a witness, keeps its things. */
export interface DataPaths {
  readonly data: string;
  readonly key: string;
  /** A second key, ML-DSA-44, that signs beside the first. */
  readonly mlDsaKey: string | undefined;
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
  if ([key, mlDsaKey].some((path) => path !== undefined && realPath(path) === realPath(guard))) {
    throw new TlogError("CONFIG_INVALID", `--guard: want a file of its own, got ${guard}, which is a key`);
  }
  return { data, key, mlDsaKey, guard };
}

/**
 * Opens the log's keys; on the first start of a log, and only then, makes the Ed25519 one.
 * @param options.origin - the name asked for; undefined: the key's own.
 * @returns the Ed25519 signer first.
 * @throws {TlogError} CONFIG_INVALID (a key has another name or type) | KEY_FILE_MISSING (of a log that exists) |
 *   KEY_FILE_EXPOSED | KEY_FILE_MALFORMED | SIGNING_KEY_MALFORMED
 */
export async function openLogKeys(
  paths: DataPaths,
  { origin }: { readonly origin: string | undefined },
): Promise<readonly NoteSigner[]> {
  if (!existsSync(paths.key)) await makeKey(paths, origin);
  const signer = await openKey(paths.key, ED25519);
  const { name } = signer.verifierKey;
  if (origin !== undefined && origin !== name) {
    throw new TlogError(
      "CONFIG_INVALID",
      `origin: want ${name}, the name of the key ${paths.key}, got ${origin}; a log keeps its name for ever, for another log choose another --data`,
    );
  }
  if (paths.mlDsaKey === undefined) return [signer];
  const second = await openKey(paths.mlDsaKey, ML_DSA_44);
  if (second.verifierKey.name === name) return [signer, second];
  throw new TlogError(
    "CONFIG_INVALID",
    `--ml-dsa-key: want a key of the name ${name}, got ${second.verifierKey.name} in ${paths.mlDsaKey}`,
  );
}

async function openKey(path: string, type: typeof ED25519 | typeof ML_DSA_44): Promise<NoteSigner> {
  const signer = await openSigner(await readSigningKeyFile(path));
  if (signer.verifierKey.type === type) return signer;
  const wanted = type === ED25519 ? "an Ed25519" : "an ML-DSA-44";
  throw new TlogError(
    "CONFIG_INVALID",
    `${path}: want ${wanted} key, got one of type ${signer.verifierKey.type}`,
  );
}

async function makeKey(paths: DataPaths, origin: string | undefined): Promise<void> {
  const isLogThere =
    existsSync(paths.guard) || (existsSync(paths.data) && readdirSync(paths.data).length > 0);
  if (isLogThere) {
    throw new TlogError(
      "KEY_FILE_MISSING",
      `the log in ${paths.data} has no key at ${paths.key}; a new one would make it another log, so bring the key back or name it with --key`,
    );
  }
  const { signingKey } = origin === undefined ? await newLocalKey() : await newKey(origin);
  await writeSigningKeyFile(paths.key, signingKey);
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
