import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, TlogError } from "../../src/errors.ts";
import { accessFrom, type WriteAccess } from "../../src/http/access.ts";
import { listen, type RunningListener } from "../../src/http/listen.ts";
import { newWriteToken } from "../../src/http/write-tokens.ts";
import type { Log } from "../../src/log/log.ts";
import { RawClient } from "../http/raw-client.ts";
import { openTestLog, testApp } from "../http/test-log.ts";
import { PASSED_ON, readerOf } from "./reader-here.ts";

const { token, tokenHash } = newWriteToken();
const ACCESS: Readonly<Record<string, WriteAccess>> = {
  token: accessFrom({ mode: "token", tokens: [{ hash: tokenHash }] }),
  nobody: accessFrom({ mode: "token", tokens: [] }),
  open: { mode: "open" },
  loopback: { mode: "loopback" },
};

/** Heads and bodies of POST /add; PORT is the server's. */
const ADDS: Readonly<Record<string, readonly [head: string, body: string]>> = {
  "an entry": ["", "first"],
  "the same again": ["", "first"],
  "the same as JSON": ["Accept: application/json\r\n", "first"],
  "a new one as JSON": ["Accept: text/plain;q=0.5, application/json\r\n", "second"],
  "any type": ["Accept: */*\r\n", "third"],
  "a type nobody has": ["Accept: image/png\r\n", "fourth"],
  "nothing as an entry": ["", ""],
  "a preference that waits for nothing": ["Prefer: wait=5\r\n", "fifth"],
  "a type of its own": ["Content-Type: application/json\r\n", "{}"],
  "a coding": ["Content-Encoding: gzip\r\n", "x"],
  "identity as a coding": ["Content-Encoding: identity\r\n", "sixth"],
  "an entry as large as can be": ["", "y".repeat(300)],
  "an entry too large": ["", "x".repeat(301)],
  "the token": [`Authorization: Bearer ${token}\r\n`, "with a token"],
  "the token twice": [`Authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n`, "x"],
  "another token": ["Authorization: Bearer nothing\r\n", "x"],
  "no bearer": ["Authorization: Basic eDp5\r\n", "x"],
  "a page of another origin": ["Origin: http://evil.example\r\n", "from a page"],
  "a page of its own": ["Origin: http://127.0.0.1:PORT\r\n", "from its page"],
  "another site": ["Sec-Fetch-Site: cross-site\r\n", "from another site"],
  "a proxy's mark": ["X-Forwarded-For: 1.2.3.4\r\n", "through a proxy"],
  "what it expects": ["Expect: 100-continue\r\n", "expected"],
};

interface Pair {
  readonly plain: RunningListener;
  readonly reader: Awaited<ReturnType<typeof readerOf>>;
  close(): Promise<void>;
}

/** A listener without readers and one of a reader, each over a log of its own. */
async function openPair(access: WriteAccess, logs: readonly [Log, Log]): Promise<Pair> {
  const app = testApp(logs[0], { writeAccess: access });
  const plain = await listen({ app, host: "127.0.0.1", port: 0 });
  const reader = await readerOf(logs[1], access);
  return {
    plain,
    reader,
    async close() {
      await plain.close({ deadlineMs: 0 });
      await reader.close();
      for (const log of logs) await log.close();
    },
  };
}

const limits = {
  maxEntryBytes: 300,
  maxBatchEntries: 100,
  maxPendingEntries: 1000,
  maxPendingBytes: 100_000,
};

describe.each(Object.entries(ACCESS))("a reader of a log whose writers are by %s", (_mode, access) => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await openPair(access, [await openTestLog({ limits }), await openTestLog({ limits })]);
  });
  afterAll(async () => {
    await pair.close();
  });

  it.each(Object.entries(ADDS))("answers as the log does: %s", async (_name, [head, body]) => {
    const request = `POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const alone = await answerOf(pair.plain.url, request);
    expect(await answerOf(pair.reader.url, request)).toBe(alone);
    expect(alone).toMatch(/^HTTP\/1\.1 \d{3} /);
  });
});

describe("a reader", () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  it.each<[ErrorCode, number]>([
    ["POOL_FULL", 429],
    ["LOG_READ_ONLY", 503],
    ["LOG_CLOSING", 503],
    ["STORE_DAMAGED", 500],
    ["STORE_FAILED", 500],
  ])("gives the log's %s as the log does", async (code, status) => {
    const pair = await openPair({ mode: "open" }, [await failing(code), await failing(code)]);
    open.push(pair.close);
    const request =
      "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Request-Id: asked-twice\r\nContent-Length: 1\r\n\r\nx";
    const alone = await answerOf(pair.plain.url, request);
    expect(alone).toContain(`HTTP/1.1 ${status} `);
    expect(await answerOf(pair.reader.url, request)).toBe(alone);
    expect(pair.reader.failures).toHaveLength(status === 500 ? 1 : 0);
  });

  it.each([
    ["what wants a receipt", "POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/x.tlog.proof\r\n"],
    ["HTTP/1.0", "POST /add HTTP/1.0\r\nHost: 127.0.0.1\r\n"],
    ["an odd target", "POST //add HTTP/1.1\r\nHost: 127.0.0.1\r\n"],
    ["an odd host", "POST /add HTTP/1.1\r\nHost: LOG.example\r\n"],
    ["two hosts", "POST /add HTTP/1.1\r\nHost: a\r\nHost: b\r\n"],
    ["an upgrade", "POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: x\r\n"],
    ["a batch", "POST /add-batch HTTP/1.1\r\nHost: 127.0.0.1\r\n"],
  ])("passes on %s", async (_name, head) => {
    const log = await openTestLog();
    const reader = await readerOf(log, { mode: "open" });
    open.push(reader.close, () => log.close());
    const answer = await answerOf(reader.url, `${head}Content-Length: 1\r\n\r\nx`);
    expect(answer).toContain(`HTTP/1.1 ${PASSED_ON} `);
    expect(log.integratedSize()).toBe(0);
  });
});

/** A log that refuses all entries. */
async function failing(code: ErrorCode): Promise<Log> {
  const log = await openTestLog();
  const refuse = () => Promise.reject(new TlogError(code, "a message with /its/path"));
  return Object.assign(log, { add: refuse, addBlock: refuse });
}

async function answerOf(url: string, request: string): Promise<string> {
  const { port } = new URL(url);
  const client = await RawClient.open(url);
  client.send(request.replaceAll("PORT", port));
  const head = await client.until(/HTTP\/1\.1 [2-5][\s\S]*\r\n\r\n/);
  const length = /^Content-Length: (\d+)/im.exec(head)?.[1] ?? "0";
  const whole = await client.until(new RegExp(`HTTP/1\\.1 [2-5][\\s\\S]*\\r\\n\\r\\n[\\s\\S]{${length}}`));
  client.destroy();
  return whole.replace(/^(?:Date|X-Request-Id): .*\r\n/gim, "").replaceAll(port, "PORT");
}
