/** The explorer's files, from memory: `GET /` and `GET /explorer/<name>`. */
import { gzipSync } from "node:zlib";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { isNotModified, unchanged } from "./caching.ts";
import type { Answer, Exchange, HotRoute } from "./exchange.ts";
import { IMMUTABLE, REVALIDATE } from "./headers.ts";
import { prefersGzip } from "./negotiate.ts";

/** What the explorer was built to: "index.html" and files whose names hold a hash of their content. */
export type ExplorerFiles = ReadonlyMap<string, Uint8Array>;

/** Nothing but this server's own scripts, styles and answers; no script but from files, and no HTML made from text. CSP 3, Trusted Types */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = Object.freeze({
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
});

/** The routes; compressed once, when they are made. */
export function explorerRoutes(files: ExplorerFiles): readonly HotRoute[] {
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

const PAGE_HEADERS = Object.freeze({
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
});
