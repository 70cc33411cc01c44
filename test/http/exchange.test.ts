import fc from "fast-check";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { accessFrom, type WriteAccess } from "../../src/http/access.ts";
import { listen, type ServedApp } from "../../src/http/listen.ts";
import { newWriteToken } from "../../src/http/write-tokens.ts";
import type { Log } from "../../src/log/log.ts";
import { IS_FULL, runs } from "../runs.ts";
import { RawClient } from "./raw-client.ts";
import { openLogOfSize, replaced, testApp } from "./test-log.ts";

const { token, tokenHash } = newWriteToken();
const LOOPBACK: WriteAccess = { mode: "loopback" };

let log: Log;

beforeAll(async () => {
  const opened = await openLogOfSize(3);
  const added = { leafIndex: 2, leafHash: new Uint8Array(32), duplicate: false };
  // The same request twice gets the same answer.
  log = replaced(opened.log, {
    add: (entry) => Promise.resolve({ ...added, leafIndex: entry.length % 3 }),
    addBlock: () => Promise.resolve({ leafIndices: [2, 0], duplicates: [1], leafHashes: new Uint8Array(64) }),
  });
});

/** The same app twice: with its hot routes served straight from the socket, and with hono serving everything. */
async function serveBoth(writeAccess: WriteAccess) {
  const app = testApp(log, { writeAccess });
  let throughHono = 0;
  const fetch: ServedApp["fetch"] = (...request) => {
    throughHono += 1;
    return app.fetch(...request);
  };
  const address = { host: "127.0.0.1", port: 0 };
  const straight = await listen({ app: { fetch, hotRoutes: app.hotRoutes }, ...address });
  const framed = await listen({ app: { fetch: (...request) => app.fetch(...request) }, ...address });
  onTestFinished(async () => {
    await straight.close({ deadlineMs: 0 });
    await framed.close({ deadlineMs: 0 });
  });
  const answersOf = async (url: string, request: string) => {
    const client = await RawClient.open(url);
    client.send(request);
    return readable(await client.untilClosed());
  };
  return {
    answers: async (request: string) => ({
      straight: await answersOf(straight.url, request),
      framed: await answersOf(framed.url, request),
    }),
    throughHono: () => throughHono,
  };
}

/** Answers without what may differ: the time, and the order and spelling of header names. */
function readable(received: string): string[] {
  return received.split(/(?=HTTP\/1\.1 \d{3})/).map((answer) => {
    const [head = "", ...body] = answer.split("\r\n\r\n");
    const [status = "", ...headers] = head.split("\r\n");
    const names = headers.map((header) => header.replace(/^[^:]*/, (name) => name.toLowerCase()));
    return [
      status,
      ...names.filter((header) => !/^(?:date|x-request-id):/.test(header)).sort(),
      "",
      ...body,
    ].join("\n");
  });
}

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** Instead of one Host. */
  readonly host?: readonly string[];
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A request as it goes over the wire, and behind it the last one of its connection. */
function written({
  method = "GET",
  target = "/checkpoint",
  version = "1.1",
  body = "",
  ...more
}: Asked): string {
  const host = more.host ?? ["127.0.0.1:6962"];
  const lines = [...host.map((value) => `Host: ${value}`), ...(more.headers ?? [])];
  const last = "GET /entry/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  return `${method} ${target} HTTP/${version}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}${last}`;
}

function post(headers: readonly string[], body = "entry", target = "/add"): Asked {
  const length = headers.some((header) => /^(content-length|transfer-encoding):/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`];
  return { method: "POST", target, headers: [...headers, ...length], body };
}

const PLAIN: readonly Asked[] = [
  ...[
    ...["/checkpoint", "/checkpoint?x=y", "/tile/0/000.p/3", "/tile/entries/000.p/3", "/entry/0"],
    ...["/entry/00", "/entry/7", "/receipt/0", "/receipt/7", "/tile/", "/tile//0", "/tile/../checkpoint"],
    ...["/tile/0/001", "/tile/64/000", "/proof/inclusion?leafIndex=0&treeSize=3", "/proof/inclusion"],
    ...["/proof/inclusion?leafIndex=3&treeSize=3", "/proof/inclusion?leafIndex=0&treeSize=3&treeSize=3"],
    ...[
      "/proof/consistency?from=1&to=3",
      "/proof/consistency?from=4&to=3",
      "/proof/consistency?from=01&to=3",
    ],
    "/proof/inclusion-batch?leafIndices=0,2&treeSize=3",
    "/proof/inclusion-batch?leafIndices=,&treeSize=3",
    `/lookup/${"0".repeat(64)}`,
    "/lookup/0",
  ].map((target) => ({ target })),
  ...[
    ...["/checkpoint", "/tile/0/000.p/3", "/tile/entries/000.p/3", "/entry/0", "/entry/7", "/receipt/0"],
    "/proof/inclusion?leafIndex=0&treeSize=3",
  ].map((target) => ({ method: "HEAD", target })),
  { method: "HEAD", headers: ["If-None-Match: *"] },
  { headers: ["If-None-Match: *"] },
  { headers: ['If-None-Match: "a"', 'if-none-match: "b"'] },
  { headers: ["Range: bytes=0-1", "Connection: keep-alive", "Accept-Encoding: gzip"] },
  { target: "/tile/entries/000.p/3", headers: ["Accept-Encoding: br", "accept-encoding: gzip"] },
  { host: ["log.example"] },
  ...["", "x", "x".repeat(65_535)].map((body) => post([], body)),
  post([], "\0\x03one\0\x03two", "/add-batch"),
  post([], "\0\x09one", "/add-batch"),
  post([], "x", "/add?y=1"),
  ...["application/json", "text/x.tlog.proof", "*/*", "text/plain;q=0, */*", "image/png", ""].map((type) =>
    post([`Accept: ${type}`]),
  ),
  post(["Accept: text/x.tlog.proof", "Prefer: wait=1, x", "prefer: wait=2"]),
  post(["Accept: text/plain;q=0.5", "Accept: application/json"]),
  ...["identity", "Identity", "gzip", "", "identity, identity"].map((coding) =>
    post([`Content-Encoding: ${coding}`]),
  ),
  post(["Content-Encoding: identity", "Content-Encoding: identity"]),
  post(["Transfer-Encoding: chunked"], "5\r\nentry\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"),
  post(["Transfer-Encoding: gzip, chunked"], "5\r\nentry\r\n0\r\n\r\n"),
  post(["Transfer-Encoding: chunked"], `10001\r\n${"x".repeat(65_537)}\r\n0\r\n\r\n`),
  post(["Content-Length: 65536"], "x".repeat(65_536)),
  post(["Content-Length: 999999999999999999"]),
  post(["Content-Length: 3"], "longer"),
  post(["Expect: 100-continue"]),
  ...["http://127.0.0.1:6962", "http://127.0.0.1", "null", "", "https://evil.example"].map((origin) =>
    post([`Origin: ${origin}`]),
  ),
  post(["Origin: http://127.0.0.1:6962", "Origin: http://127.0.0.1:6962"]),
  ...["none", "same-origin", "same-site", "cross-site", ""].map((site) => post([`Sec-Fetch-Site: ${site}`])),
  ...["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO", "X-Real-IP", "Via"].flatMap(
    (name) => [post([`${name}: x`]), post([`${name}:`])],
  ),
  post([`Authorization: Bearer ${token}`]),
  post([`authorization: bearer   ${token}`, "Origin: https://evil.example"]),
  post([`Authorization: Bearer ${token}`, "Authorization: Bearer x"]),
  post(["Authorization: Bearer x", `Authorization: Bearer ${token}`]),
  post(["Authorization: Basic x"]),
  post([`Authorization: Bearer ${token}`, "__proto__: x", "constructor: x", "a:".repeat(20)]),
  { ...post([]), host: ["evil.example"] },
  { ...post(["Origin: http://localhost"]), host: ["localhost:80"] },
];

const UNUSUAL: readonly Asked[] = [
  ...["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "QUERY"].map((method) => ({ method })),
  ...["HEAD", "OPTIONS", "GET"].map((method) => ({ method, target: "/add" })),
  { method: "POST", headers: ["Content-Length: 0"] },
  ...[
    ...[
      "/",
      "/nowhere",
      "/checkpoint/",
      "//checkpoint",
      "/checkpoin%74",
      "/checkpoint#x",
      "/\\checkpoint",
      "*",
    ],
    ...[
      "/checkpoint?%",
      "/checkpoint?x=/../y",
      "/tile",
      "/entry/",
      "/entry/0/1",
      "/entry/%30",
      "/tile/\\..",
      "/tile/'",
      "/proof/",
    ],
    ...["http://127.0.0.1/checkpoint", "http://127.0.0.1?x", "/proof/inclusion?leafIndex=%30&treeSize=3"],
    ...["/proof/inclusion?leafIndex=0&tree+Size=3", "/log.json", "/add"],
  ].map((target) => ({ target })),
  { version: "1.0" },
  { version: "1.0", host: [] },
  { ...post([]), version: "1.0" },
  ...[
    "",
    "a/b",
    "[::1]",
    "[::1]:6962",
    "LOCALHOST",
    "127.1",
    "127.1:80",
    "0x7f.1",
    "a:0",
    "a:99999",
    "a@b",
    "a b",
  ].flatMap((name) => [{ host: [name] }, { ...post([]), host: [name] }]),
  { host: [] },
  { host: ["127.0.0.1", "127.0.0.1"] },
  { ...post(["hOST: evil.example"]) },
  { headers: ["Content-Length: 5"], body: "entry" },
  { headers: ["Transfer-Encoding: chunked"], body: "5\r\nentry\r\n0\r\n\r\n" },
  post(["Content-Length: 5", "Content-Length: 5"]),
  post(["Content-Length: +5"]),
  post(["Expect: something"]),
  post(["Transfer-Encoding: chunked", "Content-Length: 5"]),
  post([], "x", "/add/"),
  post([], "x", "http://127.0.0.1:6962/add"),
];

describe("a request is answered alike straight from the socket and through hono", () => {
  test.each<WriteAccess>([
    LOOPBACK,
    accessFrom({ mode: "token", tokens: [{ hash: tokenHash }] }),
    ...(IS_FULL ? [{ mode: "open" } as const] : []),
  ])("odd and hostile ones, where writes are open to: $mode", async (writeAccess) => {
    const { answers } = await serveBoth(writeAccess);
    const asked = writeAccess === LOOPBACK ? [...PLAIN, ...UNUSUAL] : [...PLAIN, ...UNUSUAL].filter(isPost);
    const compare = async (request: string) => {
      const { straight, framed } = await answers(request);
      expect(straight, request.slice(0, 500)).toEqual(framed);
    };
    await Promise.all(asked.map(written).map(compare));
  });

  test("whatever its headers are", async () => {
    const { answers } = await serveBoth(LOOPBACK);
    await fc.assert(
      fc.asyncProperty(REQUEST, async (asked) => {
        const { straight, framed } = await answers(written(asked));
        expect(straight).toEqual(framed);
      }),
      { numRuns: runs(60) },
    );
  });
});

function isPost({ method }: Asked): boolean {
  return method === "POST";
}

/** Names and values the routes look at, in any number and mixture, and others. */
const HEADER = fc
  .tuple(
    fc.constantFrom(
      ...[
        "Accept",
        "accept",
        "Prefer",
        "Origin",
        "Sec-Fetch-Site",
        "Via",
        "Content-Encoding",
        "Authorization",
      ],
      ...["If-None-Match", "Accept-Encoding", "X-Forwarded-For", "Content-Type", "Cookie", "X-Other"],
    ),
    fc.oneof(
      fc.constantFrom(
        ...[
          "",
          "*",
          "*/*",
          "gzip",
          "identity",
          "none",
          "wait=0",
          "application/json",
          "text/x.tlog.proof;q=0",
        ],
        ...["http://127.0.0.1:6962", '"a", W/"b"', "\t x \t", "Bearer x"],
      ),
      fc.string({ unit: fc.integer({ min: 33, max: 255 }).map((code) => String.fromCharCode(code)) }),
    ),
  )
  .map(([name, value]) => `${name}: ${value.replaceAll("\x7f", "")}`);

const REQUEST: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({
    target: fc.oneof(
      fc.constantFrom("/checkpoint", "/tile/0/000.p/3", "/entry/1", "/receipt/1"),
      fc.string({ unit: fc.constantFrom(..."/.%?&=#~-_0tx'\\") }).map((rest) => `/tile/${rest}`),
      fc.string({ unit: fc.constantFrom(..."0&=?%+a/") }).map((rest) => `/proof/inclusion?leafIndex=${rest}`),
    ),
    host: fc.constantFrom(["localhost"], ["127.0.0.1:80"], ["Log.example"], ["a", "b"], ["[::1]"]),
    headers: fc.array(HEADER, { maxLength: 4 }),
  }),
  fc
    .tuple(
      fc.array(HEADER, { maxLength: 4 }),
      fc.string({ unit: "binary-ascii" }),
      fc.constantFrom("/add", "/add-batch"),
    )
    .map(([headers, body, target]) => post(headers, body, target)),
);

test("plain requests reach no framework, and unusual ones do", async () => {
  const { answers, throughHono } = await serveBoth({ mode: "open" });
  for (const asked of PLAIN)
    await answers(written({ ...asked, headers: ["Connection: close", ...(asked.headers ?? [])] }));
  expect(throughHono()).toBe(0);
  for (const method of ["PATCH", "OPTIONS", "PUT"]) {
    await answers(written({ method, headers: ["Connection: close"] }));
  }
  expect(throughHono()).toBe(3);
});

test("app.request answers as a socket does", async () => {
  const app = testApp(log);
  const { url, close } = await listen({ app, host: "127.0.0.1", port: 0 });
  onTestFinished(() => close({ deadlineMs: 0 }));
  for (const [path, init] of [
    ["/checkpoint", {}],
    ["/checkpoint", { method: "HEAD" }],
    ["/tile/0/000.p/3", {}],
    ["/entry/9", {}],
    ["/receipt/1", {}],
    ["/proof/inclusion?leafIndex=0&treeSize=3", {}],
    ["/add", { method: "POST", body: "x" }],
    ["/add", { method: "POST", body: "x", headers: { Accept: "application/json" } }],
    ["/add", { method: "POST", body: "x", headers: { Via: "1.1 x" } }],
    ["/add", {}],
    ["/add-batch", { method: "POST", body: "\0\x01x" }],
    ["/add-batch", { method: "POST", body: "x" }],
  ] as const) {
    const own = await app.request(path, init);
    const sent = await fetch(`${url}${path}`, init);
    const headers = new Headers(sent.headers);
    for (const name of ["connection", "keep-alive", "date", "x-request-id"]) headers.delete(name);
    expect(own.status, path).toBe(sent.status);
    expect(Object.fromEntries(own.headers), path).toEqual(Object.fromEntries(headers));
    expect(await own.text()).toBe(await sent.text());
  }
});
