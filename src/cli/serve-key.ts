import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import { readSigningKeyFile, writeSigningKeyFile } from "../keys/key-file.ts";
import { type NoteSigner, openSigner } from "../tlog/key.ts";
import { newKey, newLocalKey } from "./new-key.ts";

/** Where a log keeps its things. */
export interface LogPaths {
  readonly data: string;
  readonly key: string;
  readonly guard: string;
}

/** @throws {TlogError} CONFIG_INVALID when the guard lies inside the data directory: it has to outlive a restored backup. */
export function logPaths(config: Config): LogPaths {
  const data = config.value("data").replace(/(?<=.)\/+$/, "");
  const key = config.value("key") ?? `${data}.key`;
  const guard = config.value("guard") ?? `${data}.guard`;
  if (isInside(guard, data)) {
    throw new TlogError(
      "CONFIG_INVALID",
      `--guard: want a path outside the data directory ${data}, got ${guard}; a backup of the directory must not bring back an old guard`,
    );
  }
  return { data, key, guard };
}

/**
 * Opens the log's key; on the first start of a log, and only then, makes it.
 * @param options.origin - the name asked for; undefined: the key's own.
 * @throws {TlogError} CONFIG_INVALID (the key has another name) | KEY_FILE_MISSING (of a log that exists) | KEY_FILE_EXPOSED |
 *   KEY_FILE_MALFORMED | SIGNING_KEY_MALFORMED
 */
export async function openLogKey(
  paths: LogPaths,
  { origin }: { readonly origin: string | undefined },
): Promise<{ readonly signer: NoteSigner; readonly isNew: boolean }> {
  const isNew = !existsSync(paths.key);
  if (isNew) await makeKey(paths, origin);
  const signer = await openSigner(await readSigningKeyFile(paths.key));
  const { name } = signer.verifierKey;
  if (origin !== undefined && origin !== name) {
    throw new TlogError(
      "CONFIG_INVALID",
      `origin: want ${name}, the name of the key ${paths.key}, got ${origin}; a log keeps its name for ever, for another log choose another --data`,
    );
  }
  return { signer, isNew };
}

async function makeKey(paths: LogPaths, origin: string | undefined): Promise<void> {
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
