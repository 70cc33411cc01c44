/**
 * Who sent a webhook: Standard Webhooks 1.0, symmetric. "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" signs "msg_1.1674087231.{}" as
 * "v1,…". What the webhook says is signed by the log itself, and needs no such secret to be verified.
 */
import { createHmac } from "node:crypto";
import { TlogError } from "../errors.ts";
import { decodeBase64 } from "../tlog/encoding.ts";

const PREFIX = "whsec_";
/** Standard Webhooks, "Signature scheme": between 24 and 64 bytes. */
const SECRET_BYTES = { least: 24, most: 64 };
/** The current one, and the one of before or after it. */
const MAX_SECRETS = 2;

/**
 * Reads a file of secrets: one a line, two while one takes the other's place.
 * @throws {TlogError} CONFIG_INVALID; the message quotes nothing of it.
 */
export function parseSecrets(text: string): readonly Uint8Array[] {
  const lines = text.replace(/\n$/, "").split("\n");
  if (lines.length <= MAX_SECRETS) return lines.map(parseSecret);
  throw new TlogError("CONFIG_INVALID", `want one secret, or two, a line each, got ${lines.length} lines`);
}

function parseSecret(line: string): Uint8Array {
  try {
    const secret = decodeBase64(line.slice(PREFIX.length));
    const isLong = secret.length >= SECRET_BYTES.least && secret.length <= SECRET_BYTES.most;
    if (line.startsWith(PREFIX) && isLong) return secret;
  } catch {
    // Base64's own message would quote the secret.
  }
  throw new TlogError("CONFIG_INVALID", `want ${PREFIX} and 24 to 64 bytes in base64 on each line`);
}

/** The headers of one attempt. @param timestampSeconds - of the attempt, not of what happened. */
export function signatureHeaders(
  secrets: readonly Uint8Array[],
  message: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
): Readonly<Record<string, string>> {
  const { id, timestampSeconds, body } = message;
  const signed = `${id}.${timestampSeconds}.${body}`;
  const signatures = secrets.map(
    (secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": signatures.join(" "),
  };
}
