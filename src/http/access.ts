import { TlogError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Permit, UNLIMITED, type WriteToken, WriteTokens } from "./write-tokens.ts";

/**
 * Who may write. "loopback": whoever is on this machine and addresses it by a loopback name. "token": holders of a token
 * that is listed; an empty list means nobody. "open": everybody who can reach the port.
 */
export type WriteAccess =
  | { readonly mode: "loopback" }
  | { readonly mode: "token"; readonly tokens: WriteTokens }
  | { readonly mode: "open" };

/** {@link WriteAccess} as it is now, as another process is told. */
export type AccessRecord =
  | { readonly mode: "loopback" }
  | { readonly mode: "token"; readonly tokens: readonly WriteToken[] }
  | { readonly mode: "open" };

export function accessRecord(access: WriteAccess): AccessRecord {
  return access.mode === "token" ? { mode: "token", tokens: access.tokens.current } : access;
}

/** Undoes {@link accessRecord}. */
export function accessFrom(record: AccessRecord): WriteAccess {
  return record.mode === "token" ? { mode: "token", tokens: new WriteTokens(record.tokens) } : record;
}

/**
 * Picks the mode for a listener: tokens count wherever they are configured, also when the last one was taken off the list;
 * without, only loopback listeners take writes, unless the operator opened them.
 * @param options.tokenHashes - SHA-256 of each token, 64 lowercase hex digits, where nothing more is known of them. Empty: nobody
 *   writes. undefined: not configured.
 * @throws {TlogError} HEX_MALFORMED | ARGUMENT_INVALID
 */
export function writeAccessFor(options: {
  readonly host: string;
  readonly tokens?: WriteTokens | undefined;
  readonly tokenHashes?: readonly string[];
  readonly openWrites?: boolean;
}): WriteAccess {
  const { tokens, tokenHashes } = options;
  if (tokens !== undefined) return { mode: "token", tokens };
  if (tokenHashes !== undefined) return { mode: "token", tokens: withHashes(tokenHashes) };
  if (options.openWrites === true) return { mode: "open" };
  return isLoopbackName(options.host) ? { mode: "loopback" } : { mode: "token", tokens: withHashes([]) };
}

function withHashes(hashes: readonly string[]): WriteTokens {
  return new WriteTokens(hashes.map((hash) => ({ hash })));
}

/**
 * Makes the check each write goes through before its body is read.
 * @returns a function that says how much may be written, or throws TOKEN_MISSING | TOKEN_INVALID | TOKEN_LIMITED | WRITE_FORBIDDEN.
 */
export function writeCheck(access: WriteAccess): (asked: Asked) => Permit {
  if (access.mode === "token") return (asked) => access.tokens.permit(tokenOf(asked));
  const assertAllowed = access.mode === "open" ? assertSameOrigin : assertLocal;
  return (asked) => {
    assertAllowed(asked);
    return UNLIMITED;
  };
}

/** What a check looks at. */
export type Asked = Pick<Exchange, "site" | "header" | "httpVersion">;

/** True for names and addresses that only this machine reaches. IPv6 with or without brackets. */
export function isLoopbackName(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function tokenOf(asked: Asked): string {
  const header = asked.header("authorization");
  const token = header === undefined ? undefined : /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (token !== undefined) return token;
  throw new TlogError("TOKEN_MISSING", "Authorization: want Bearer and a write token");
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
