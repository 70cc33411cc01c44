/**
 * Where a private key is, as `--key` says it:
 *
 *     /etc/bristlecone/log.key                       a file
 *     ssh-agent:SHA256:3eGvHiSuSh…(43 letters)       a key in the ssh-agent of SSH_AUTH_SOCK, as `ssh-add -l` names it
 *     pkcs11:token=log;object=2026?module-path=…     a key in a PKCS#11 token, RFC 7512
 *
 * A file whose name begins so is reached as "./ssh-agent:…".
 */
import { TlogError } from "../errors.ts";

export type KeyReference =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "ssh-agent"; readonly fingerprint: string }
  | { readonly kind: "pkcs11"; readonly uri: string };

/** @throws {TlogError} CONFIG_INVALID (the words after ssh-agent: are no fingerprint) */
export function parseKeyReference(text: string): KeyReference {
  if (/^pkcs11:/i.test(text)) return { kind: "pkcs11", uri: text };
  if (!/^ssh-agent:/i.test(text)) return { kind: "file", path: text };
  const fingerprint = text.slice("ssh-agent:".length);
  if (/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) return { kind: "ssh-agent", fingerprint };
  throw new TlogError(
    "CONFIG_INVALID",
    `want ssh-agent:SHA256:… with the fingerprint of \`ssh-add -l\`, got ${JSON.stringify(text)}`,
  );
}

/** The path of the key file; undefined when the key is somewhere else. */
export function keyFileOf(text: string): string | undefined {
  const reference = parseKeyReference(text);
  return reference.kind === "file" ? reference.path : undefined;
}
