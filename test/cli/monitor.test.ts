import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { Collected, callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

const directory = temporaryDirectory();
const inDirectory = (name: string) => join(directory, name);
let log: ServedHere;
let states = 0;

beforeAll(async () => {
  log = await serveHere(directory);
  await add('one\n{"user":{"name":"alice"}}\nthree\n');
});
afterAll(() => log.stop());

async function add(stdin: string): Promise<void> {
  const added = await callCli(
    [
      "add",
      "--lines",
      "-",
      "--log",
      log.url,
      "--vkey",
      log.vkey,
      "--no-memory",
      "--receipts",
      inDirectory("receipts"),
    ],
    { stdin },
  );
  expect(added.code).toBe(0);
}

const newState = () => inDirectory(`state-${++states}`);
const at = (state: string) => ["--log", log.url, "--vkey", log.vkey, "--state", state];

describe("monitor --once", () => {
  it("tells what it was asked to find once, and ends with 5; then with 0", async () => {
    const state = newState();
    const look = ["monitor", "--once", ...at(state), "--find", "thr", "--json-path", "$.user.name=alice"];
    const first = await callCli(look);
    expect(first).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("found 2 matches [MATCH_FOUND]"),
    });
    expect(first.stdout).toContain('entry 1 matches $.user.name = "alice"');
    expect(first.stdout).toContain("3 entries, 2 matches, 0 alarms");
    const again = await callCli([...look, "--json"]);
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toMatchObject({
      summary: { logs: [{ isRead: true, matches: 0, alarms: [] }] },
    });
    await add("three more\n");
    const more = await callCli([...look, "--json"]);
    expect(more.code).toBe(5);
    expect(JSON.parse(more.stdout.split("\n")[0] ?? "")).toMatchObject({
      alert: { kind: "match", leafIndex: 3 },
    });
    const status = await callCli(["monitor", "status", "--state", state]);
    expect(status.stdout).toMatch(/4 +4 +3 +fine/);
  });

  it("ends with 5 in the run that tells a match, also when an earlier one had found it", async () => {
    const look = ["monitor", "--once", ...at(newState()), "--json-path", "$.n=5", "--json-path", "$.ok=true"];
    await add('{"n":5}\n{"n":"5","ok":true}\n');
    const killed = new AbortController();
    const stdout = new Collected();
    stdout.write = () => {
      killed.abort(130);
      throw new TlogError("FILE_UNWRITABLE", "stdout is full");
    };
    await callCli(look, { stdout, signal: killed.signal });
    expect(await callCli(look)).toMatchObject({ code: 5, stdout: expect.stringContaining("3 matches") });
  });

  it("ends with 1 when another history is shown, and keeps evidence that convicts the log", async () => {
    const state = newState();
    expect((await callCli(["monitor", "--once", ...at(state)])).code).toBe(0);
    const other = inDirectory("other");
    mkdirSync(other);
    writeFileSync(join(other, "data.key"), readFileSync(inDirectory("data.key")), { mode: 0o600 });
    const fork = await serveHere(other);
    const flags = ["--log", fork.url, "--vkey", log.vkey];
    await callCli(["add", "--lines", "-", ...flags, "--no-memory"], { stdin: "a\nb\nc\nd\ne\nf\n" });
    const { code, stdout, stderr } = await callCli(["monitor", "--once", ...flags, "--state", state]);
    await fork.stop();
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("[ALARM_RAISED]") });
    const file = /kept in (.*)/.exec(stdout)?.[1] ?? "";
    const verified = await callCli(["evidence", "verify", file, "--log-key", log.vkey]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("CONVICTED") });
  });

  it("ends with 4 where nobody answers, and with 2 for what a person has to mend", async () => {
    const state = newState();
    const gone = ["--log", "http://127.0.0.1:1", "--vkey", log.vkey, "--state", state];
    expect((await callCli(["monitor", "--once", ...gone])).code).toBe(4);
    writeFileSync(inDirectory("bad.json"), '{"logs":[{"url":"http://a","vkey":"x","mirror":[]}]}');
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [[inDirectory("bad.json")], "logs[0]: "],
      [[inDirectory("none.json")], "FILE_UNREADABLE"],
      [[inDirectory("bad.json"), "--find", "x"], "not both"],
      [["--find", "", ...at(state)], "--find: want 1 to"],
      [["--json-path", "user", ...at(state)], "--json-path: want a path"],
      [["--leaf-hash", "12", ...at(state)], "--leaf-hash"],
      [["--from", "soon", ...at(state)], "--from"],
      [["--module", inDirectory("none.mjs"), ...at(state)], "cannot be loaded"],
      [["--webhook", "ftp://x", ...at(state)], "want an http:// or https:// URL"],
      [["--state", "/proc/nowhere", "--log", log.url, "--vkey", log.vkey], "FILE_UNWRITABLE"],
    ];
    for (const [args, words] of wrong) {
      const { code, stderr } = await callCli(["monitor", "--once", ...args]);
      expect({ args, code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
    }
  });
});

describe("the file of monitor --once", () => {
  const look = (more: object, { url = log.url, ...ofLog }: { url?: string; mirrors?: string[] } = {}) => {
    const logs = [{ url, vkey: log.vkey, ...ofLog }];
    mkdirSync(inDirectory("once"), { recursive: true });
    writeFileSync(inDirectory("once/monitor.json"), JSON.stringify({ logs, ...more }));
    return callCli(["monitor", "--once", inDirectory("once/monitor.json")], { environment });
  };
  const environment = { BRISTLECONE_STATE: inDirectory("of all commands") };

  it("says where the state is, whatever holds for all commands", async () => {
    expect((await look({ state: "kept" })).code).toBe(0);
    const status = ["monitor", "status", inDirectory("once/monitor.json"), "--json"];
    const { stdout } = await callCli(status, { environment });
    expect(JSON.parse(stdout)).toMatchObject({ state: inDirectory("once/kept"), logs: [{ readSize: 6 }] });
    expect(await look({ state: "kept", match: [{ substring: "one" }] })).toMatchObject({ code: 0 });
  });

  it("runs a program beside it, wherever it is called from", async () => {
    mkdirSync(inDirectory("once"), { recursive: true });
    writeFileSync(inDirectory("once/tell.sh"), '#!/bin/sh\ncat > "$0.told"\n', { mode: 0o700 });
    const { code } = await look({ match: [{ substring: "one" }], alerts: [{ command: ["./tell.sh"] }] });
    expect(code).toBe(5);
    expect(readFileSync(inDirectory("once/tell.sh.told"), "utf8")).toContain("entry 0 matches");
  });

  it("is refused where a name or a place stands there twice", async () => {
    const named = await look({ alerts: [{ name: "log", command: ["true"] }] });
    expect(named).toMatchObject({ code: 2, stderr: expect.stringContaining("the name of the log lines") });
    for (const url of [log.url.replace(/\/$/, ""), log.url.replace(/\/?$/, "/")]) {
      const { code, stderr } = await look({}, { url, mirrors: [log.url.replace(/\/?$/, "/")] });
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("stands there twice"),
      });
    }
  });
});

describe("monitor", () => {
  let hook: Server;
  afterAll(() => void hook.close().closeAllConnections());

  it("follows by a file, tells a webhook, shows how it is, and ends with Ctrl-C", async () => {
    const bodies: string[] = [];
    const told = new Promise<void>((resolve) => {
      hook = createServer((request, response) => {
        request.on("data", (chunk) => bodies.push(String(chunk)));
        request.on("end", () => {
          response.end();
          resolve();
        });
      });
    });
    await new Promise<void>((done) => hook.listen(0, "127.0.0.1", done));
    const address = hook.address();
    const port = typeof address === "object" ? address?.port : 0;
    mkdirSync(inDirectory("watch"));
    writeFileSync(inDirectory("watch/secret"), `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`);
    writeFileSync(
      inDirectory("watch/odd.mjs"),
      "export const match = ({ leafIndex }) => leafIndex === 1 && 'odd';",
    );
    const config = {
      state: "state",
      intervalSeconds: 1,
      match: [{ module: "odd.mjs" }],
      logs: [{ url: log.url, vkey: log.vkey, staleAfterSeconds: 3600 }],
      alerts: [{ webhook: `http://127.0.0.1:${port}/hook`, secretFile: "secret", network: "private" }],
    };
    writeFileSync(inDirectory("watch/monitor.json"), JSON.stringify(config));
    const interrupt = new AbortController();
    const stdout = new Collected();
    const written = once(stdout, "written");
    const file = inDirectory("watch/monitor.json");
    const running = callCli(["monitor", file, "--admin-listen", "127.0.0.1:0", "--json"], {
      signal: interrupt.signal,
      stdout,
    });
    const [line] = await written;
    const { adminUrl } = JSON.parse(String(line));
    await told;
    expect(JSON.parse(bodies.join(""))).toMatchObject({
      data: { alerts: [{ matcher: "odd.mjs", leafIndex: 1 }] },
    });
    const page = async (path: string) => (await fetch(adminUrl + path)).text();
    expect(JSON.parse(await page("/healthz"))).toEqual({ status: "ok" });
    expect(JSON.parse(await page("/readyz"))).toEqual({ status: "ok", logs: 1 });
    expect(JSON.parse(await page("/status.json"))).toMatchObject({
      saving: true,
      logs: [{ readSize: 6, alarms: [] }],
    });
    expect(await page("/metrics")).toContain(
      `bristlecone_monitor_log_read_entries{origin="${log.origin}"} 6\n`,
    );
    expect(await page("/")).toContain("Nothing is wrong");
    const second = await callCli(["monitor", "--once", inDirectory("watch/monitor.json")]);
    expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining("STORE_LOCKED") });
    interrupt.abort(130);
    expect((await running).code).toBe(0);
  });
});
