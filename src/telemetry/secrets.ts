/**
 * What must never stand in a log line, by its own shape: signing keys as note and PEM write them, age identities, secrets of webhooks, write
 * tokens as this program makes them, what follows "Bearer" or "Basic", a token's PIN, and the name and password in an address. No line is made of any
 * of these; this is for messages of others that quote one.
 * Nothing of them is a quote or a backslash that JSON escapes with, so that a line of JSON stays one.
 */
const SECRETS =
  /PRIVATE\+KEY\+[^\s"\\]+|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\[nr]|[A-Za-z0-9+/=:,\s-])*|AGE-SECRET-KEY-[A-Z0-9-]+|whs(?:ec|k)_[A-Za-z0-9+/=_-]+|bristlecone_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])|(?<=\b(?:bearer|basic)(?: +|%20))[A-Za-z0-9._~+/-]+=*|(?<=\b(?:pin-value|access_token)=)[^\s"\\&;]+|(?<=:\/\/)[^\s"\\/?#@]+@/gi;

/** A line with each secret in it replaced. */
export function withoutSecrets(line: string): string {
  return line.replace(SECRETS, "[redacted]");
}
