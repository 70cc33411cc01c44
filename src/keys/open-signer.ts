/** Opens a private key wherever it is: the one way from `--key` to something that signs. */
import type { KeyPair } from "#crypto";
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { COSIGNATURE_V1, type CosignatureType, ML_DSA_44 } from "../tlog/cosignature.ts";
import { type CosignerKey, cosignerKey } from "../tlog/cosigner.ts";
import { ED25519, isKeyName, type KeyType, type NoteSigner, noteSigner, openKeyPair } from "../tlog/key.ts";
import { readSigningKeyFile } from "./key-file.ts";
import { type KeyReference, parseKeyReference } from "./key-reference.ts";
import { parsePkcs11Uri } from "./pkcs11-uri.ts";
import { findSecret, type SecretSources } from "./secrets.ts";
import { openSshAgentKey } from "./ssh-agent.ts";

/** What a key's holder needs of the surroundings. */
export interface KeyOptions extends SecretSources {
  /** Where an ssh-agent listens; undefined: there is none. */
  readonly agentSocket?: string | undefined;
  /** By default this thread. */
  readonly mlDsa44?: MlDsa44;
}

/** Who signs, and with a key of which type. */
export interface SignerWanted<Type extends KeyType = KeyType> extends KeyOptions {
  readonly type: Type;
  /** The name it signs under: needed where the key's holder keeps none (an agent, a token); a file's own must be the same. */
  readonly name: string | undefined;
  /** How that name is given, for messages: "--origin". */
  readonly nameFlag?: string;
}

/**
 * Opens a log's key.
 * @param reference - as {@link parseKeyReference} has it.
 * @throws {TlogError} CONFIG_INVALID (another name or type than is wanted; no name) | KEY_FILE_MISSING | KEY_FILE_EXPOSED |
 *   KEY_FILE_MALFORMED | SIGNING_KEY_MALFORMED | KEY_UNKNOWN | KEY_TYPE_UNSUPPORTED | SIGNER_FAILED | FILE_UNREADABLE
 */
export async function openLogSigner(
  reference: string,
  wanted: SignerWanted<typeof ED25519 | typeof ML_DSA_44>,
): Promise<NoteSigner> {
  const { keyPair, name } = await openKey(reference, wanted);
  return noteSigner(keyPair, { name, type: wanted.type });
}

/** Opens a witness's key. @throws {TlogError} as {@link openLogSigner} */
export async function openCosigner(
  reference: string,
  wanted: SignerWanted<CosignatureType>,
): Promise<CosignerKey> {
  const { keyPair, name } = await openKey(reference, wanted);
  return cosignerKey(keyPair, { name, type: wanted.type });
}

async function openKey(
  reference: string,
  wanted: SignerWanted,
): Promise<{ readonly name: string; readonly keyPair: KeyPair }> {
  const where = parseKeyReference(reference);
  if (where.kind === "file") return await openFileKey(where.path, wanted);
  // First of all: messages are kept in journals, and before this a PIN may stand in it.
  if (where.kind === "pkcs11") parsePkcs11Uri(where.uri);
  const { type, name, nameFlag = "a name" } = wanted;
  const [shown = ""] = reference.split("?");
  if (type === ML_DSA_44) {
    throw new TlogError("CONFIG_INVALID", `${shown}: want a key file; only files hold ML-DSA-44 keys`);
  }
  if (name === undefined) {
    throw new TlogError("CONFIG_INVALID", `${shown}: want ${nameFlag}, for the key's holder keeps no name`);
  }
  if (!isKeyName(name)) {
    throw new TlogError(
      "CONFIG_INVALID",
      `${nameFlag}: want a name without spaces or plus, got ${JSON.stringify(name)}`,
    );
  }
  return { name, keyPair: await openServiceKey(where, wanted) };
}

async function openFileKey(path: string, wanted: SignerWanted) {
  const { type, name, nameFlag = "the name", mlDsa44 } = wanted;
  const text = await readSigningKeyFile(path, wanted);
  const found = await openKeyPair(text, mlDsa44 === undefined ? {} : { mlDsa44 });
  if (found.type !== type) {
    throw new TlogError("CONFIG_INVALID", `${path}: want ${TYPE_WORDS[type]}, got ${TYPE_WORDS[found.type]}`);
  }
  if (name === undefined || name === found.name) return found;
  const words =
    type === ML_DSA_44
      ? `want a key of the name ${name}, got ${found.name} in ${path}`
      : `want ${found.name}, the name of the key ${path}, got ${name}; it keeps its name for ever, for another one choose another --data`;
  throw new TlogError("CONFIG_INVALID", `${nameFlag}: ${words}`);
}

/** A log's key for a witness is refused, and the other way round: one's word could be taken for the other's. */
const TYPE_WORDS = {
  [ED25519]: "a log's Ed25519 key (type 1)",
  [COSIGNATURE_V1]: "a cosigner's Ed25519 key (type 4)",
  [ML_DSA_44]: "an ML-DSA-44 key (type 6)",
};

async function openServiceKey(
  where: Exclude<KeyReference, { readonly kind: "file" }>,
  options: KeyOptions,
): Promise<KeyPair> {
  if (where.kind === "pkcs11") return await openTokenKey(where.uri, options);
  const { agentSocket } = options;
  if (agentSocket === undefined) {
    throw new TlogError("CONFIG_INVALID", "ssh-agent: SSH_AUTH_SOCK is not set, so there is no agent to ask");
  }
  return await openSshAgentKey({ socketPath: agentSocket, fingerprint: where.fingerprint });
}

/** A key in a PKCS#11 token. @param more.isNew - makes it there first. @throws {TlogError} as `openPkcs11Key` */
export async function openTokenKey(
  text: string,
  options: KeyOptions,
  more: { readonly isNew?: boolean } = {},
): Promise<KeyPair> {
  const uri = parsePkcs11Uri(text);
  const of = `the token of ${uri.modulePath}`;
  const { openPkcs11Key } = await import("./pkcs11.ts");
  return await openPkcs11Key({
    uri,
    pin: () => findSecret({ kind: "PIN", of }, options, uri.pinFile),
    ...more,
  });
}
