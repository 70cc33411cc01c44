import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { readSigningKeyFile, writeSigningKeyFile } from "../keys/key-file.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import { type CosignerKey, openCosignerKey } from "../tlog/cosigner.ts";
import { parseSigningKey } from "../tlog/key.ts";
import { newCosignerKey } from "./new-key.ts";
import type { DataPaths } from "./serve-key.ts";

export interface CosignerKeyOptions {
  /** The name asked for; undefined: the key's own. */
  readonly name: string | undefined;
  readonly mlDsa44: MlDsa44;
  /** The operator knows that a key without data and guard has signed nothing, or that what it signed does not matter. */
  readonly recreateGuard: boolean;
}

/**
 * Opens a witness's keys; on the first start of a witness, and only then, makes the Ed25519 one.
 * @returns the Ed25519 key (0x04) first.
 * @throws {TlogError} CONFIG_INVALID (a key has another name, or is a log's) | KEY_FILE_MISSING (of a witness that exists) |
 *   GUARD_MISSING (a key that was there, and nothing that says what it signed) | KEY_FILE_EXPOSED | KEY_FILE_MALFORMED | SIGNING_KEY_MALFORMED
 */
export async function openCosignerKeys(
  paths: DataPaths,
  options: CosignerKeyOptions,
): Promise<readonly CosignerKey[]> {
  const wasThere = existsSync(paths.key);
  if (!wasThere) await makeKey(paths, options.name);
  const key = await openKey(paths.key, COSIGNATURE_V1, options.mlDsa44);
  const { name } = key.verifierKey;
  if (options.name !== undefined && options.name !== name) {
    throw new TlogError(
      "CONFIG_INVALID",
      `--name: want ${name}, the name of the key ${paths.key}, got ${options.name}; a witness keeps its name, for another one choose another --data`,
    );
  }
  if (wasThere && !options.recreateGuard && !isWitnessThere(paths)) throw lostMemory(paths);
  if (paths.mlDsaKey === undefined) return [key];
  const second = await openKey(paths.mlDsaKey, ML_DSA_44, options.mlDsa44);
  if (second.verifierKey.name === name) return [key, second];
  throw new TlogError(
    "CONFIG_INVALID",
    `--ml-dsa-key: want a key of the name ${name}, got ${second.verifierKey.name} in ${paths.mlDsaKey}`,
  );
}

/** Whether something says that a witness lived here: what it signed must not be forgotten with a new key or guard. */
export function isWitnessThere({ data, guard }: Pick<DataPaths, "data" | "guard">): boolean {
  return existsSync(guard) || existsSync(join(data, "data.mdb"));
}

/** From size 0 the key would sign what contradicts what it signed: evidence against an honest witness. */
function lostMemory({ key, data, guard }: DataPaths): TlogError {
  return new TlogError(
    "GUARD_MISSING",
    `the key ${key} was there before this start, and neither its data (${data}) nor its guard (${guard}): what it signed is not known`,
  );
}

/** A log's key is refused: a cosignature of it could be taken for the log's word, and the log's word for a witness's. */
async function openKey(
  path: string,
  type: typeof COSIGNATURE_V1 | typeof ML_DSA_44,
  mlDsa44: MlDsa44,
): Promise<CosignerKey> {
  const text = await readSigningKeyFile(path);
  const { type: found } = parseSigningKey(text);
  if (found === type) return await openCosignerKey(text, { mlDsa44 });
  const wanted = type === COSIGNATURE_V1 ? "a cosigner's Ed25519 key (type 4)" : "an ML-DSA-44 key (type 6)";
  const got = found === COSIGNATURE_V1 || found === ML_DSA_44 ? `one of type ${found}` : "a log's (type 1)";
  throw new TlogError("CONFIG_INVALID", `${path}: want ${wanted}, got ${got}`);
}

async function makeKey(paths: DataPaths, name: string | undefined): Promise<void> {
  if (isWitnessThere(paths)) {
    throw new TlogError(
      "KEY_FILE_MISSING",
      `the witness in ${paths.data} has no key at ${paths.key}; a new one would make it another witness, so bring the key back or name it with --key`,
    );
  }
  await writeSigningKeyFile(paths.key, await newCosignerKey(name));
}
