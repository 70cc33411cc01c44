import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, inject, it } from "vitest";
import { emptyState } from "../../src/monitor/log-state.ts";
import { seenEntry } from "../../src/monitor/matchers.ts";
import { commandSink, mailSink } from "../../src/node/alert-sinks.ts";
import { loadMatcherModule } from "../../src/node/matcher-module.ts";
import { monitorShelf, monitorStates, readMonitorStates } from "../../src/node/monitor-files.ts";
import { alertWebhook } from "../../src/webhooks/alert-webhook.ts";
import { parseSecrets, signatureHeaders } from "../../src/webhooks/signature.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf } from "../reference/merkle.ts";

const folder = (): string => mkdtempSync(join(inject("scratch"), "monitor-"));
const now = () => 1_700_000_000_000;
const { signal } = new AbortController();
const alert = {
  id: "0123456789abcdef0123456789abcdef",
  kind: "match" as const,
  isResolved: false,
  origin: "log.example",
  url: "https://log.example/",
  atMs: 0,
  message: "entry 7 matches",
};
const message = { id: "fedc", alerts: [alert] };

describe("a webhook", () => {
  let server: Server | undefined;
  afterEach(() => void server?.close().closeAllConnections());

  async function answering(status: number, headers = {}) {
    const asked: { headers: unknown; body: string }[] = [];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        asked.push({ headers: request.headers, body });
        response.writeHead(status, headers).end("whatever");
      });
    });
    await new Promise<void>((done) => server?.listen(0, "127.0.0.1", done));
    const address = server.address();
    return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/x?y`, asked };
  }

  it("is signed as Standard Webhooks has it", async () => {
    const secrets = parseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    const { url, asked } = await answering(204);
    await alertWebhook("hook", { url, secrets, isPrivateAllowed: true, now }).tell(message, signal);
    const [request = { headers: {}, body: "" }] = asked;
    const { id } = message;
    expect(request.headers).toMatchObject(
      signatureHeaders(secrets, { id, timestampSeconds: 1_700_000_000, body: request.body }),
    );
    expect(JSON.parse(request.body)).toMatchObject({
      data: { alerts: [{ id: alert.id, at: "1970-01-01T00:00:00.000Z" }] },
    });
  });

  it.each([500, 404, 301])("that answers %i was not told, and no other place is", async (status) => {
    const { url, asked } = await answering(status, { location: "/elsewhere" });
    await expectCodeAsync(
      alertWebhook("hook", { url, secrets: [], isPrivateAllowed: true, now }).tell(message, signal),
      "ALERT_NOT_TOLD",
    );
    expect(asked).toHaveLength(1);
  });

  it("that nobody answers, or is on no public network, was not told", async () => {
    const url = "http://127.0.0.1:1/";
    for (const isPrivateAllowed of [true, false]) {
      const sink = alertWebhook("hook", { url, secrets: [], isPrivateAllowed, now });
      await expectCodeAsync(sink.tell(message, signal), "REMOTE_UNREACHABLE");
    }
  });
});

describe("a program", () => {
  it("gets the alerts on its standard input, and is no shell", async () => {
    const file = join(folder(), "$(told)");
    await commandSink("cat", { command: ["tee", file], now }).tell(message, signal);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      data: { alerts: [{ message: alert.message }] },
    });
    await mailSink("mail", { to: "a@b", from: "c@d", sendmail: ["tee", file], now }).tell(message, signal);
    expect(readFileSync(file, "utf8")).toMatch(
      /^From: c@d\r\nTo: a@b\r\nSubject: \[bristlecone\] match: log\.example\r\n/,
    );
  });

  it.each([
    ["that fails", ["sh", "-c", "echo no >&2; exit 3"], "ended with 3: no"],
    ["that is not there", ["/nowhere/program"], "ENOENT"],
    ["that does not end", ["sleep", "60"], "aborted"],
    ["that reads nothing", ["false"], "ended with 1"],
  ])("%s told nobody", async (_what, command, words) => {
    const sink = commandSink("program", { command, now, timeoutMs: command[0] === "sleep" ? 100 : 60_000 });
    expect((await expectCodeAsync(sink.tell(message, signal), "ALERT_NOT_TOLD")).message).toContain(words);
  });
});

describe("files of a monitor", () => {
  it("hold a state for each log, and refuse what is none", async () => {
    const directory = join(folder(), "deep/down");
    const states = monitorStates(directory);
    expect(await states.load("log.example/../..")).toBeUndefined();
    for (const origin of ["log.example/../..", "other"]) await states.save(emptyState(origin));
    expect(await states.load("log.example/../..")).toEqual(emptyState("log.example/../.."));
    expect((await readMonitorStates(directory)).map(({ origin }) => origin).sort()).toEqual([
      "log.example/../..",
      "other",
    ]);
    const path = join(
      directory,
      "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa",
      "state.json",
    );
    writeFileSync(path, "{}");
    await expectCodeAsync(states.load("other"), "STORE_DAMAGED");
    await expectCodeAsync(readMonitorStates(join(directory, "nowhere")), "FILE_UNREADABLE");
  });

  it("hold so many checkpoints of a log and no more", async () => {
    const shelf = monitorShelf(folder());
    const kept = [];
    for (let at = 0; at < 20; at++) kept.push(await shelf.keepCheckpoint("log", new Uint8Array([at])));
    expect(kept.filter((path) => path !== undefined)).toHaveLength(16);
    expect(await shelf.keepCheckpoint("log", new Uint8Array([3]))).toBe(kept[3]);
  });
});

describe("a module that matches", () => {
  const entry = new TextEncoder().encode("entry");
  const seen = seenEntry("log", { leafIndex: 7, entry, leafHash: leafHashOf(entry) });

  it("says yes, no or why, and nothing else", async () => {
    const path = join(folder(), "match.mjs");
    writeFileSync(
      path,
      "export const match = ({ json, leafIndex }) => [true, 'seven', undefined, 7][leafIndex % 4];",
    );
    const { matchAll } = await loadMatcherModule("module", path);
    const entries = [4, 5, 6, 7].map((leafIndex) => ({ ...seen, leafIndex }));
    expect(await matchAll(entries, signal)).toEqual([
      { verdict: true },
      { verdict: "seven" },
      { verdict: false },
      { failure: "want true, false or a text, got number" },
    ]);
  });

  it("sees each entry with its place, its hash, and as JSON", async () => {
    const path = join(folder(), "match.mjs");
    const seenAs = "[leafIndex, String(Buffer.from(entry)), Buffer.from(leafHash).toString('hex'), json()]";
    const text = `export const match = ({ leafIndex, entry, leafHash, json }) => JSON.stringify(${seenAs});`;
    writeFileSync(path, text);
    const { matchAll } = await loadMatcherModule("module", path);
    const entries = ['{"a":1}', "", "[2]"].map((text, at) => {
      const bytes = new TextEncoder().encode(text);
      return {
        text,
        seen: seenEntry("log", { leafIndex: 7 + at, entry: bytes, leafHash: leafHashOf(bytes) }),
      };
    });
    const verdicts = await matchAll(
      entries.map((one) => one.seen),
      signal,
    );
    for (const [at, { text, seen: one }] of entries.entries()) {
      const json = text === "" ? undefined : JSON.parse(text);
      const verdict = JSON.stringify([7 + at, text, Buffer.from(one.leafHash).toString("hex"), json]);
      expect(verdicts[at]).toEqual({ verdict });
    }
  });

  it("that loops without end, ends its process or throws behind everybody's back stops nothing but itself, and rests then", async () => {
    const path = join(folder(), "match.mjs");
    const bad =
      "if (i === 1) for (;;); if (i === 3) process.exit(9); if (i === 4) queueMicrotask(() => { throw new Error('no'); });";
    writeFileSync(
      path,
      `export const match = async ({ leafIndex: i }) => { ${bad} return i === 4 ? new Promise(() => {}) : true; };`,
    );
    let nowMs = 0;
    const limits = { timeoutMs: 300, restMs: 1000, now: () => nowMs };
    const { matchAll } = await loadMatcherModule("module", path, limits);
    const entries = Array.from({ length: 7 }, (_, leafIndex) => ({ ...seen, leafIndex }));
    const yes = { verdict: true };
    expect(await matchAll(entries, signal)).toEqual([
      yes,
      { failure: "no answer within 300 ms" },
      yes,
      { failure: "it ended its thread (9)" },
      { failure: "no" },
      "unseen",
      "unseen",
    ]);
    expect(await matchAll(entries.slice(5), signal)).toEqual(["unseen", "unseen"]);
    nowMs = 1000;
    expect(await matchAll(entries.slice(5), signal)).toEqual([yes, yes]);
  });

  it("is interrupted while it loops", async () => {
    const path = join(folder(), "match.mjs");
    writeFileSync(path, "export const match = () => { for (;;); };");
    const { matchAll } = await loadMatcherModule("module", path);
    const interrupt = new AbortController();
    const matched = matchAll([seen], interrupt.signal);
    interrupt.abort();
    await expectCodeAsync(matched, "ABORTED");
  });

  it.each([
    ["export const other = 1;", 'exports a function "match"'],
    ["throw new Error('no')", "cannot be loaded: no"],
  ])("is refused at the start: %s", async (text, words) => {
    const path = join(folder(), "match.mjs");
    writeFileSync(path, text);
    expect((await expectCodeAsync(loadMatcherModule("module", path), "CONFIG_INVALID")).message).toContain(
      words,
    );
  });
});
