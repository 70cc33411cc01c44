import { createHash, randomBytes } from "node:crypto";
import { COSIGNATURE_V1 } from "../tlog/cosignature.ts";
import { openCosignerKey } from "../tlog/cosigner.ts";
import {
  ED25519,
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type KeyType,
  openSigner,
} from "../tlog/key.ts";

/** A fresh key: the text for its file, which is secret, and the verifier key, which is not. */
export interface NewKey {
  readonly signingKey: string;
  readonly vkey: string;
}

/** @throws {TlogError} ARGUMENT_INVALID when the name cannot stand in a note. */
export function newKey(name: string, type: KeyType = ED25519): Promise<NewKey> {
  return keyFromSeed(name, type, newSeed());
}

/** Makes an Ed25519 key named after itself, "localhost/1c7f0a92": eight hex digits of the SHA-256 of its public key. */
export async function newLocalKey(): Promise<NewKey> {
  const seed = newSeed();
  return keyFromSeed(await localName(seed), ED25519, seed);
}

/**
 * Makes a witness's Ed25519 key, named after itself as {@link newLocalKey} does when no name is given.
 * @returns the text for its file, which is secret.
 */
export async function newCosignerKey(name: string | undefined): Promise<string> {
  const seed = newSeed();
  const key = { name: name ?? (await localName(seed)), type: COSIGNATURE_V1, seed } as const;
  return formatSigningKey(await generateSigningKey(key));
}

async function localName(seed: Uint8Array): Promise<string> {
  const unnamed = await openSigner(formatSigningKey(await generateSigningKey({ name: "localhost", seed })));
  const digest = createHash("sha256").update(unnamed.verifierKey.publicKey).digest("hex");
  return `localhost/${digest.slice(0, 8)}`;
}

async function keyFromSeed(name: string, type: KeyType, seed: Uint8Array): Promise<NewKey> {
  const signingKey = formatSigningKey(await generateSigningKey({ name, type, seed }));
  const open = type === COSIGNATURE_V1 ? openCosignerKey : openSigner;
  const { verifierKey } = await open(signingKey);
  return { signingKey, vkey: formatVerifierKey(verifierKey) };
}

function newSeed(): Uint8Array {
  return Uint8Array.from(randomBytes(32));
}
