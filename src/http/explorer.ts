/** The explorer's files, from memory: `GET /` and `GET /explorer/<name>`. */
import { gzipSync } from "node:zlib";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { isNotModified, unchanged } from "./caching.ts";
import type { Answer, Exchange, HotRoute } from "./exchange.ts";
import { IMMUTABLE, REVALIDATE, SHORT_LIVED } from "./headers.ts";
import { prefersGzip } from "./negotiate.ts";

/** What the explorer was built to: "index.html" and files whose names hold a hash of their content. */
export type ExplorerFiles = ReadonlyMap<string, Uint8Array>;

/**
 * Nothing but this server's own scripts, styles and answers; no script but from files, and no HTML made from text. CSP 3, Trusted Types
 * @param logOrigin - where the log is, when that is elsewhere.
 */
function contentSecurityPolicy(logOrigin?: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${logOrigin === undefined ? "" : ` ${logOrigin}`}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

/**
 * The same page for any web server: it knows where its log is and whom to trust, and brings its own Content-Security-Policy.
 * @param from.logUrl - undefined: the page lies where the log's checkpoint is.
 * @param from.policyName - of a policy file below "explorer/".
 * @param from.origin - which log of that policy it is.
 * @returns by path, "index.html" first.
 */
export function standaloneExplorer(
  files: ExplorerFiles,
  from: { readonly logUrl: string | undefined; readonly policyName: string; readonly origin: string },
): ReadonlyMap<string, Uint8Array> {
  const page = new TextDecoder().decode(files.get("index.html"));
  const { logUrl, policyName } = from;
  const log = logUrl === undefined ? "./" : logUrl.replace(/[&"<>]/g, encodeURIComponent);
  const origin = from.origin.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const policy = contentSecurityPolicy(logUrl === undefined ? undefined : new URL(logUrl).origin);
  const configured = page
    // What only the log's own server has.
    .replace(/ data-heads="[^"]*"/, "")
    .replace(
      'data-log="./"',
      () => `data-log="${log}" data-policy="explorer/${policyName}" data-origin="${origin}"`,
    )
    .replace(
      "<meta charset",
      `<meta http-equiv="Content-Security-Policy" content="${policy}" />\n    <meta charset`,
    );
  const others = [...files].filter(([name]) => name !== "index.html");
  return new Map([
    ["index.html", new TextEncoder().encode(configured)],
    ...others.map(([name, bytes]) => [`explorer/${name}`, bytes] as const),
  ]);
}

const TYPES: Readonly<Record<string, string>> = Object.freeze({
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
});

/**
 * The routes; compressed once, when they are made.
 * @param pastHeads - what the page draws the log's growth from, at `/explorer/heads.json`.
 */
export function explorerRoutes(files: ExplorerFiles, pastHeads: () => string): readonly HotRoute[] {
  const answers = new Map([...files].map(([name, bytes]) => [name, fileAnswers(name, bytes)]));
  const answer = (name: string, exchange: Exchange): Answer => {
    const found = answers.get(name);
    if (found === undefined) throw new TlogError("NOT_FOUND", "the explorer has no such file");
    return found(exchange);
  };
  return [
    { method: "GET", path: "/", handle: (exchange) => answer("index.html", exchange) },
    {
      method: "GET",
      path: "/explorer/:file",
      handle: (exchange) => {
        const name = exchange.path.slice("/explorer/".length);
        if (name === "heads.json") return { status: 200, headers: HEADS_HEADERS, body: pastHeads() };
        return answer(name === "index.html" ? "" : name, exchange);
      },
    },
  ];
}

function fileAnswers(name: string, bytes: Uint8Array): (exchange: Exchange) => Answer {
  const plain = answerOf(name, bytes, undefined);
  const compressed = answerOf(name, gzipSync(bytes, { level: 9 }), "gzip");
  return (exchange) => {
    const chosen = prefersGzip(exchange.header("accept-encoding")) ? compressed : plain;
    return isNotModified(exchange.header("if-none-match"), chosen.headers.ETag)
      ? unchanged(chosen.headers)
      : chosen;
  };
}

function answerOf(name: string, body: Uint8Array, encoding: "gzip" | undefined) {
  const isPage = name === "index.html";
  const headers = {
    "X-Content-Type-Options": "nosniff",
    "Content-Type": TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    // The page names the others by their content: whoever has it has the rest of the same build.
    "Cache-Control": isPage ? REVALIDATE : IMMUTABLE,
    ETag: `"${encodeHex(sha256(body)).slice(0, 32)}"`,
    Vary: "Accept-Encoding",
    "Content-Length": String(body.length),
    "Cross-Origin-Resource-Policy": "same-origin",
    ...(encoding === undefined ? {} : { "Content-Encoding": encoding }),
    ...(isPage ? PAGE_HEADERS : {}),
  };
  return { status: 200, headers, body };
}

const HEADS_HEADERS = Object.freeze({
  "X-Content-Type-Options": "nosniff",
  "Content-Type": "application/json",
  "Cache-Control": SHORT_LIVED,
  "Cross-Origin-Resource-Policy": "same-origin",
});

const PAGE_HEADERS = Object.freeze({
  "Content-Security-Policy": `${contentSecurityPolicy()}; frame-ancestors 'none'`,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
});
