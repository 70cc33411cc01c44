import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { TlogError } from "../errors.ts";
import { decodeHex, encodeHex } from "../tlog/encoding.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Who may write. "loopback": whoever is on this machine and addresses it by a loopback name. "token": holders of a token
 * whose SHA-256 is listed; an empty list means nobody. "open": everybody who can reach the port.
 */
export type WriteAccess =
  | { readonly mode: "loopback" }
  | { readonly mode: "token"; readonly tokenHashes: readonly string[] }
  | { readonly mode: "open" };

/**
 * Picks the mode for a listener: tokens count wherever they are configured, also when the last one was taken off the list;
 * without, only loopback listeners take writes, unless the operator opened them.
 * @param options.tokenHashes - SHA-256 of each token, 64 lowercase hex digits. Empty: nobody writes. undefined: not configured.
 */
export function writeAccessFor(options: {
  readonly host: string;
  readonly tokenHashes?: readonly string[];
  readonly openWrites?: boolean;
}): WriteAccess {
  if (options.tokenHashes !== undefined) return { mode: "token", tokenHashes: options.tokenHashes };
  if (options.openWrites === true) return { mode: "open" };
  return isLoopbackName(options.host) ? { mode: "loopback" } : { mode: "token", tokenHashes: [] };
}

/** A fresh token of 256 random bits and the hash to configure. Tokens are random, so a plain hash protects them at rest. */
export function newWriteToken(): { readonly token: string; readonly tokenHash: string } {
  const token = `bristlecone_${randomBytes(32).toString("base64url")}`;
  return { token, tokenHash: hashOf(token).toString("hex") };
}

/**
 * Makes the check each write goes through before its body is read.
 * @throws {TlogError} HEX_MALFORMED when a token hash is not 64 lowercase hex digits. The check throws TOKEN_MISSING |
 *   TOKEN_INVALID | WRITE_FORBIDDEN.
 */
export function writeCheck(access: WriteAccess): (asked: Asked) => void {
  if (access.mode === "open") return assertSameOrigin;
  if (access.mode === "loopback") return assertLocal;
  const known = access.tokenHashes.map(decodeTokenHash);
  return (asked) => assertToken(asked, known);
}

/** What a check looks at. */
export type Asked = Pick<Exchange, "site" | "header" | "httpVersion">;

/** True for names and addresses that only this machine reaches. IPv6 with or without brackets. */
export function isLoopbackName(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function assertToken(asked: Asked, known: readonly Uint8Array[]): void {
  const header = asked.header("authorization");
  const token = header === undefined ? undefined : /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (token === undefined)
    throw new TlogError("TOKEN_MISSING", "Authorization: want Bearer and a write token");
  const hash = hashOf(token);
  // Every known hash is compared, so the time taken tells nothing about which one is near.
  const matches = known.filter((other) => timingSafeEqual(hash, other));
  if (matches.length === 0) throw new TlogError("TOKEN_INVALID", "the write token is not known to this log");
}

/**
 * On loopback the risk is a web page in a browser on the same machine: it can send simple POSTs here, and by DNS rebinding
 * it can even be of "the same origin". So the name in Host must be a loopback name, and the page must come from here.
 * What a proxy on this machine passes on looks local unless the proxy marks it, so its marks are looked for; nothing can be
 * seen of one that leaves none and puts its own address into Host. Behind a proxy only tokens decide who writes.
 */
function assertLocal(asked: Asked): void {
  const { hostname } = asked.site;
  if (!isLoopbackName(hostname)) {
    throw new TlogError(
      "WRITE_FORBIDDEN",
      `Host: want a loopback name, got ${hostname}; other names need a token`,
    );
  }
  const proxy =
    asked.httpVersion === "1.0"
      ? "HTTP/1.0"
      : PROXY_HEADERS.find(({ name }) => asked.header(name) !== undefined)?.shown;
  if (proxy !== undefined) {
    throw new TlogError(
      "WRITE_FORBIDDEN",
      `want a direct request, got one with ${proxy}; behind a proxy writes need a token`,
    );
  }
  assertSameOrigin(asked);
}

/** HTTP/1.0 is a mark too: it is what a bare proxy_pass of nginx speaks, which sends none of these. */
const PROXY_HEADERS = [
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Real-IP",
  "Via",
].map((shown) => ({ shown, name: shown.toLowerCase() }));

/** Refuses what a browser sends for a page of another origin. Other clients send neither header. */
function assertSameOrigin(asked: Asked): void {
  const origin = asked.header("origin");
  const site = asked.header("sec-fetch-site");
  const isForeign = origin !== undefined && origin !== asked.site.origin;
  if (!isForeign && (site === undefined || site === "same-origin" || site === "none")) return;
  throw new TlogError("WRITE_FORBIDDEN", "want a request that no page of another origin caused");
}

function decodeTokenHash(hex: string): Uint8Array {
  const hash = decodeHex(hex);
  if (hash.length === 32 && encodeHex(hash) === hex) return hash;
  throw new TlogError("HEX_MALFORMED", "token hash: want 64 lowercase hex digits");
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
