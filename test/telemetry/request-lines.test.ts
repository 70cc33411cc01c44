import { expect, onTestFinished, test } from "vitest";
import { shielded } from "../../src/events.ts";
import { listen } from "../../src/http/listen.ts";
import { type AnsweredRequest, AskedRequest } from "../../src/http/request-log.ts";
import { Problem } from "../../src/http/schemas.ts";
import { newWriteToken, WriteTokens } from "../../src/http/write-tokens.ts";
import { type LogLineOptions, lineWriter } from "../../src/telemetry/line-writer.ts";
import { logLines } from "../../src/telemetry/log-lines.ts";
import { requestLines } from "../../src/telemetry/request-lines.ts";
import { openTestLog, replaced, testApp } from "../http/test-log.ts";

type Line = Readonly<Record<string, unknown>>;

function collect(options: Partial<LogLineOptions> = {}) {
  const texts: string[] = [];
  const lineOptions: LogLineOptions = {
    write: (line) => texts.push(line),
    format: "json",
    level: "debug",
    now: () => 1_700_000_000_000,
    ...options,
  };
  const lines = (): readonly Line[] => texts.map((text) => JSON.parse(text));
  return { texts, lines, lineOptions };
}

async function served() {
  const { texts, lines, lineOptions } = collect();
  const events = shielded(logLines(lineOptions));
  const log = await openTestLog({ events });
  const { token, tokenHash } = newWriteToken();
  const writeAccess = { mode: "token", tokens: new WriteTokens([{ hash: tokenHash }]) } as const;
  const broken = () => Promise.reject(new Error(`no such file, says Bearer ${token}`));
  const app = testApp(replaced(log, { readEntry: broken }), { writeAccess });
  const requestLog = requestLines(lineOptions, { slowMs: 0 });
  const listener = await listen({
    app,
    host: "127.0.0.1",
    port: 0,
    requestLog,
    onError: ({ error, ...request }) => events.requestFailed({ ...request, message: String(error) }),
  });
  onTestFinished(async () => {
    await listener.close({ deadlineMs: 0 });
    await log.close();
  });
  const add = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${listener.url}/add`, {
      method: "POST",
      body,
      headers: { Authorization: `Bearer ${token}`, ...headers },
    });
  return { log, url: listener.url, token, add, texts, lines };
}

test("an entry's way is in the lines: from its request by its index to its batch, and by the size to the checkpoint", async () => {
  const { log, add, lines } = await served();
  const response = await add("hello", { "X-Request-Id": "proxy.id-17" });
  expect(response.headers.get("X-Request-Id")).toBe("proxy.id-17");
  await log.untilPublished(0, { signal: AbortSignal.timeout(10_000) });
  const asked = lines().find(({ requestId }) => requestId === "proxy.id-17");
  expect(asked).toMatchObject({ logger: "http", method: "POST", route: "/add", status: 200, leafIndex: 0 });
  const batch = lines().find(({ message }) => message === "batch integrated");
  expect(batch).toMatchObject({ logger: "log", firstIndex: 0, lastIndex: 0, treeSize: 1 });
  for (const message of ["checkpoint signed", "checkpoint published"]) {
    expect(lines()).toContainEqual(expect.objectContaining({ message, treeSize: 1 }));
  }
});

test("a failure's answer and its line have the same id; what a cache may keep has none", async () => {
  const { log, url, add, lines } = await served();
  await add("hello");
  await log.untilPublished(0, { signal: AbortSignal.timeout(10_000) });
  const failed = await fetch(`${url}/entry/0?secret=hush-hush`);
  const { requestId } = Problem.parse(await failed.json());
  expect(requestId).toBeDefined();
  expect(failed.headers.get("X-Request-Id")).toBe(requestId);
  expect(lines()).toContainEqual(expect.objectContaining({ level: "error", path: "/entry/0", requestId }));
  expect(lines()).toContainEqual(expect.objectContaining({ status: 500, route: "/entry/*", requestId }));
  expect((await fetch(`${url}/checkpoint`)).headers.get("X-Request-Id")).toBeNull();
});

test("no line holds a token, a query, a body, or a key that a message quotes", async () => {
  const { url, token, add, texts } = await served();
  await add("the body is nobody's business");
  await add("x", { Authorization: `bearer ${token}x` });
  await fetch(`${url}/add?token=${token}`, { method: "POST", body: token });
  await fetch(`${url}/${token}`);
  await fetch(`${url}/entry/0?access_token=${token}`);
  expect(texts.length).toBeGreaterThan(5);
  expect(texts.join("")).not.toMatch(new RegExp(`${token}|nobody's business|access_token|token=`));
  const { texts: shown, lineOptions } = collect();
  const secrets = [
    "PRIVATE+KEY+example.com/log+530d903a+AYEKsecretsecret",
    "AGE-SECRET-KEY-1QQPQYSECRET",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_abc-def_MfKQ9r8",
    "pkcs11:token=t;object=o?pin-value=secretsecret&module-name=m",
    "https://user:secretsecret@example.com/x",
    "https://example.com/x?access_token=secretsecret",
    "BEARER  secretsecret",
    "Authorization: Basic c2VjcmV0c2VjcmV0",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAsecret\n-----END PRIVATE KEY-----",
  ];
  const line = lineWriter(lineOptions, "log");
  for (const secret of secrets) line("warn", `cannot read "${secret}"`, { code: "FILE_UNREADABLE", secret });
  for (const text of shown) {
    expect(text).not.toMatch(/secretsecret|c2VjcmV0|QQPQY|MfKQ9|MC4CAQA/);
    expect(JSON.parse(text)).toMatchObject({ code: "FILE_UNREADABLE" });
  }
});

test.each([
  ["a client on this machine", "127.0.0.1", "abc-1234", true],
  ["a proxy in a private network, seen by a socket of both kinds", "::ffff:10.1.2.3", "abc-1234", true],
  ["a stranger", "203.0.113.9", "abc-1234", false],
  ["a stranger, seen by a socket of both kinds", "::ffff:203.0.113.9", "abc-1234", false],
  ["a client with an id too short to be one", "::1", "1", false],
  ["a client that would write into the log", "::1", 'x"}\u001b[31m{"level":"info', false],
])(
  "a request of %s is called as it says only where that misleads nobody",
  (_who, remoteAddress, id, isTaken) => {
    const asked = new AskedRequest(
      { headers: { "x-request-id": id }, socket: { remoteAddress } },
      { isPassedOn: false },
    );
    expect(asked.id === id).toBe(isTaken);
    expect(asked.id).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
    expect(asked.id).toBe(asked.id);
  },
);

test("slow requests are told at info, once a second, with how many there were", () => {
  let nowMs = 0;
  const { lines, lineOptions } = collect({ level: "info", now: () => nowMs });
  const requestLog = requestLines(lineOptions, { slowMs: 10 });
  const request: AnsweredRequest = {
    requestId: "12345678",
    method: "GET",
    route: "/tile/*",
    status: 200,
    elapsedMs: 12.34567,
    bytes: 8192,
    added: undefined,
    isSlow: true,
  };
  expect(requestLog).toMatchObject({ isEach: false, slowMs: 10 });
  for (let count = 0; count < 50; count++) requestLog.answered(request);
  nowMs += 1000;
  requestLog.answered(request);
  expect(lines()).toMatchObject([
    { message: "slow request", elapsedMs: 12.346, route: "/tile/*" },
    { count: 50 },
  ]);
});

test("where lines are missing, a line of the same process says how many", () => {
  const texts: string[] = [];
  const { lineOptions } = collect({ write: (line, lostLine) => texts.push(lostLine(3), line), pid: 7 });
  lineWriter(lineOptions, "log")("error", "seen", {});
  expect(texts.map((text) => JSON.parse(text))).toMatchObject([
    { level: "warn", code: "LINES_LOST", count: 3, pid: 7 },
    { level: "error", message: "seen" },
  ]);
});

test("on a terminal a level has its colour, and nothing of a stranger's has", () => {
  const { texts, lineOptions } = collect({ format: "pretty", isColoured: true });
  lineWriter(lineOptions, "log")("error", "boom \u001b[32m", { path: "/x" });
  expect(texts).toEqual([
    "\u001b[2m22:13:20.000\u001b[0m \u001b[31merror\u001b[0m  boom \\u001b[32m\u001b[2m  path=/x\u001b[0m\n",
  ]);
});
