import { existsSync } from "node:fs";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { writeSigningKeyFile } from "../keys/key-file.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { type KeyOptions, openCosigner } from "../keys/open-signer.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { newCosignerKey } from "./new-key.ts";
import { type DataPaths, ownName } from "./serve-key.ts";

export interface CosignerKeyOptions extends KeyOptions {
  /** The name asked for; undefined: the key's own, or that of the witness that is there. */
  readonly name: string | undefined;
  /** The operator knows that a key without data and guard has signed nothing, or that what it signed does not matter. */
  readonly recreateGuard: boolean;
}

/**
 * Opens a witness's keys; on the first start of a witness, and only then, makes the Ed25519 one, if it is to be a file.
 * @returns the Ed25519 key (0x04) first.
 * @throws {TlogError} KEY_FILE_MISSING (of a witness that exists) | GUARD_MISSING (a key that was there, and nothing that says what it
 *   signed), and as `openCosigner`
 */
export async function openCosignerKeys(
  paths: DataPaths,
  options: CosignerKeyOptions,
): Promise<readonly CosignerKey[]> {
  const file = keyFileOf(paths.key);
  const wasThere = file === undefined || existsSync(file);
  if (!wasThere) await makeKey(paths, { file, name: options.name });
  const key = await openCosigner(paths.key, {
    ...options,
    type: COSIGNATURE_V1,
    name: await ownName(paths, options.name),
    nameFlag: "--name",
  });
  if (wasThere && !options.recreateGuard && !isWitnessThere(paths)) throw lostMemory(paths);
  if (paths.mlDsaKey === undefined) return [key];
  const { name } = key.verifierKey;
  const second = { ...options, type: ML_DSA_44, name, nameFlag: "--ml-dsa-key" } as const;
  return [key, await openCosigner(paths.mlDsaKey, second)];
}

/** Whether no key of these was ever there to sign anything: {@link openCosignerKeys} will make the only one. */
export function areKeysToBeMade({ key, mlDsaKey }: DataPaths): boolean {
  const file = keyFileOf(key);
  return file !== undefined && !existsSync(file) && mlDsaKey === undefined;
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

async function makeKey(
  { data, guard }: DataPaths,
  { file, name }: { readonly file: string; readonly name: string | undefined },
): Promise<void> {
  if (isWitnessThere({ data, guard })) {
    throw new TlogError(
      "KEY_FILE_MISSING",
      `the witness in ${data} has no key at ${file}; a new one would make it another witness, so bring the key back or name it with --key`,
    );
  }
  await writeSigningKeyFile(file, await newCosignerKey(name));
}
