/** TLS in front of HTTP/1.1: a certificate and its key from two files, read again when they change. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { TlogError } from "../errors.ts";
import { codeOf, messageOf } from "../node/errno.ts";
import { watchFiles } from "../node/watch-files.ts";

export interface TlsFiles {
  /** PEM: the certificate, then those that lead from it to a root. */
  readonly certFile: string;
  /** PEM, not encrypted. */
  readonly keyFile: string;
  /** How often the files are looked at. Default 1 s. */
  readonly lookEveryMs?: number;
}

/** What node:tls takes. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws {TlogError} FILE_UNREADABLE | CONFIG_INVALID: no PEM, or a key of another certificate */
export function readTls({ certFile, keyFile }: TlsFiles): TlsMaterial {
  const material = { cert: read(certFile), key: read(keyFile) };
  try {
    createSecureContext(material);
  } catch (cause) {
    // OpenSSL's reason: "key values mismatch", "no start line". It quotes neither file.
    throw new TlogError("CONFIG_INVALID", `${certFile} and ${keyFile}: ${messageOf(cause)}`, { cause });
  }
  return material;
}

/**
 * Hands over the files each time they change and fit together. Whoever renews them writes one after the other, so that they do not for
 * a moment: what does not fit is told once, changes nothing, and is tried again at each look.
 * @returns a function that ends it.
 */
export function watchTls(
  files: TlsFiles,
  { onRenewed, onFailed }: { onRenewed(material: TlsMaterial): void; onFailed(error: unknown): void },
): () => void {
  const take = async () => onRenewed(readTls(files));
  // The server read them before it listened.
  return watchFiles([files.certFile, files.keyFile], {
    everyMs: files.lookEveryMs ?? 1000,
    takesFirst: true,
    take,
    onFailed,
  });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}
