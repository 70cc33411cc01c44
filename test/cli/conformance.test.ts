import { writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FAST, jsonLines, passOn, portOf, record } from "./conformance-servers.ts";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function recording(answer: RequestListener) {
  const recorder = await record(answer);
  closing.push(recorder.close);
  return recorder;
}

/** What the tester may send to a log that did not agree to more. */
const READS = new Set(["GET", "HEAD", "OPTIONS"]);

describe("conformance log", () => {
  const directory = temporaryDirectory();
  let log: ServedHere;

  beforeAll(async () => {
    log = await serveHere(directory, ["--origin", "example.com/conformance", "--checkpoint-interval", "10"]);
    const lines = Array.from({ length: 300 }, (_, index) => `entry ${index}\n`).join("");
    const argv = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
    expect((await callCli(argv, { stdin: lines })).code).toBe(0);
  });
  afterAll(async () => {
    await log.stop();
  });

  it("prints a table of a good log, says what it does, and ends with 0", async () => {
    const result = await callCli(["conformance", "log", log.url, "--vkey", log.vkey, ...FAST]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain(`reads ${log.url}`);
    expect(result.stderr).toContain("; adds nothing");
    expect(result.stdout).toMatch(/^c2sp\.org\/tlog-tiles § Checkpoints$/m);
    expect(result.stdout).toMatch(/^pass +MUST /m);
    expect(result.stdout).toMatch(
      /^\d+ cases: \d+ pass(, \d+ WARN)?(, \d+ open)?(, \d+ not run)? \(\d+ requests, /m,
    );
    expect(Math.max(...result.stdout.split("\n").map((line) => line.length))).toBeLessThan(100);
  });

  it("prints the table as wide as the terminal is", async () => {
    const argv = ["conformance", "log", log.url, "--case", "checkpoint-is-served", ...FAST];
    const [narrow, wide] = await Promise.all([80, 130].map((columns) => callCli(argv, { columns })));
    const widest = ({ stdout }: { stdout: string } = { stdout: "" }) =>
      Math.max(...stdout.split("\n").map((line) => line.length));
    expect(widest(narrow)).toBeLessThan(80);
    expect(widest(wide)).toBeGreaterThan(80);
  });

  it("prints each case and a summary as JSON", async () => {
    const argv = ["conformance", "log", log.url, "--vkey", log.vkey, "--json", ...FAST];
    const { code, stdout } = await callCli(argv);
    const lines = jsonLines(stdout);
    const summary = lines.at(-1)?.summary;
    expect(code).toBe(0);
    expect(summary).toMatchObject({ kind: "log", url: `${log.url}/`, fail: 0, cases: lines.length - 1 });
    const passed = lines.filter(({ verdict }) => verdict === "pass");
    expect(summary?.pass).toBe(passed.length);
    expect(passed.length).toBeGreaterThan(50);
  });

  it("runs only the cases that are named", async () => {
    const all = await callCli(["conformance", "log", log.url, "--json", ...FAST]);
    const name = jsonLines(all.stdout)[1]?.name ?? "";
    const { stdout } = await callCli(["conformance", "log", log.url, "--json", "--case", name, ...FAST]);
    expect(jsonLines(stdout).map((line) => line.name)).toEqual([name, undefined]);
  });

  it("shows who watches how far it is", async () => {
    const argv = ["conformance", "log", log.url, "--max-requests", "5", ...FAST];
    const { stderr } = await callCli(argv, { isTTY: true });
    expect(stderr).toMatch(/\r\d+ of \d+ cases, 5 requests/);
  });

  it("says with 1 which requirements a spoiled log does not meet", async () => {
    const { url } = await recording(passOn(log.url, { "content-type": "text/html" }));
    const { code, stdout, stderr } = await callCli(["conformance", "log", url, "--vkey", log.vkey, ...FAST]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL +MUST /m);
    expect(stderr).toMatch(/error: \d+ requirements are not met: .*\[CONFORMANCE_FAILED\]/);
  });

  it("sends no token and nothing but reads, and one POST without a body, unless writes are allowed", async () => {
    const reads = await recording(passOn(log.url));
    const environment = { BRISTLECONE_TOKEN: "secret" };
    await callCli(["conformance", "log", reads.url, ...FAST], { environment });
    expect(reads.seen.length).toBeGreaterThan(50);
    const others = reads.seen.filter(({ method }) => !READS.has(method ?? ""));
    expect(others.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /checkpoint"]);
    expect(reads.seen.filter(({ body, headers }) => body !== "" || headers.authorization)).toEqual([]);

    const writes = await recording((_request, response) => response.writeHead(404).end());
    const argv = ["conformance", "log", log.url, "--allow-writes", "--write-url", writes.url, ...FAST];
    await callCli(argv, { environment });
    const asked = writes.seen.map(({ method, url, headers }) => `${method} ${url} ${headers.authorization}`);
    expect(asked).toContain("POST /add Bearer secret");
  });

  it("sends nothing else when the cases say so", async () => {
    const { url, seen } = await recording((_request, response) => response.writeHead(404).end());
    const path = join(directory, "cases.json");
    const requirement = { requirement: "r", level: "MUST", document: "d", section: "s" };
    const file = {
      description: "d",
      documents: [],
      ...{ places: {}, answers: {}, checks: {} },
      cases: [
        { name: "x", ...requirement, ask: { method: "POST", path: "add" }, expect: { status: ["200"] } },
      ],
    };
    writeFileSync(path, JSON.stringify(file));
    const { code, stderr } = await callCli(["conformance", "log", url, "--cases", path, ...FAST]);
    expect(code).toBe(2);
    expect(stderr).toContain("[METHOD_NOT_ALLOWED]");
    expect(seen.filter(({ method }) => method === "POST")).toEqual([]);
  });

  it("follows no redirect, and says where to test", async () => {
    const { url, seen } = await recording((_request, response) =>
      response.writeHead(302, { location: "/elsewhere" }).end(),
    );
    const { code, stdout } = await callCli(["conformance", "log", url, ...FAST]);
    expect(code).toBe(3);
    expect(stdout).toContain("the checkpoint redirects to /elsewhere: test that URL");
    expect(seen.map((one) => one.url)).toEqual(["/checkpoint"]);
  });

  it("stops at its request limit, with a row for every case, and ends with 3", async () => {
    const { url, seen } = await recording(passOn(log.url));
    const argv = ["conformance", "log", url, "--max-requests", "3", "--json", ...FAST];
    const { code, stdout, stderr } = await callCli(argv);
    expect(seen).toHaveLength(3);
    expect(code).toBe(3);
    expect(JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "").error.code).toBe("PROBE_EXHAUSTED");
    const lines = jsonLines(stdout);
    expect(lines.at(-1)?.summary?.cases).toBe(lines.length - 1);
    expect(lines.at(-2)?.note).toContain("all 3 requests of this run are used");
  });

  it("ends with 3, and says why, where most could not be tried", async () => {
    const { url } = await recording(({ url: path }, response) => {
      if (path !== "/checkpoint") return void response.writeHead(404).end();
      const head = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-cache" };
      response
        .writeHead(200, head)
        .end(`example.com/none\n${2n ** 63n}\n${"A".repeat(43)}=\n\n\u2014 x AAAAAAAAAAA=\n`);
    });
    const { code, stdout, stderr } = await callCli(["conformance", "log", url, ...FAST]);
    expect(stdout).not.toMatch(/^FAIL/m);
    expect(stderr).toMatch(
      /\d+ of \d+ cases could not be run, most of them because: needs a tree size.*\[INCOMPLETE\]/,
    );
    expect(code).toBe(3);
  });

  it("says to whom the operator can write, and ends when its time is over", async () => {
    const { url, seen } = await recording((_request, response) =>
      response.writeHead(429, { "retry-after": "25" }).end(),
    );
    const argv = ["conformance", "log", url, "--max-seconds", "20", "--contact", "me@example.com", ...FAST];
    const { code, stderr } = await callCli(argv);
    expect(seen.map(({ headers }) => headers["user-agent"])).toEqual([
      expect.stringMatching(/; me@example\.com\)$/),
    ]);
    expect(stderr).toContain("all 20 seconds of this run are used");
    expect(code).toBe(3);
  });

  it("takes what a server that dies midway did not answer for not tried", async () => {
    const pass = passOn(log.url, { connection: "close" });
    const server = await recording((request, response) => {
      pass(request, response);
      response.on("close", server.refuse);
    });
    const { stdout, stderr, code } = await callCli(["conformance", "log", server.url, "--json", ...FAST]);
    const lines = jsonLines(stdout);
    expect(lines[0]).toMatchObject({ verdict: "pass" });
    const refused = lines.filter(({ note }) => note?.includes("ECONNREFUSED"));
    expect(refused.length).toBeGreaterThan(50);
    expect(new Set(refused.map(({ verdict }) => verdict))).toEqual(new Set(["not-run"]));
    expect(lines.filter(({ verdict }) => verdict === "fail")).toEqual([]);
    expect(stderr).toContain("ECONNREFUSED");
    expect(code).toBe(3);
  });

  it("ends with 4, and without a table, where nobody answers or nothing comes", async () => {
    const silent = createServer(() => {});
    const url = `http://127.0.0.1:${await portOf(silent)}`;
    closing.push(() => silent.close());
    for (const [dead, code] of [
      ["http://127.0.0.1:1", "REMOTE_UNREACHABLE"],
      [url, "REMOTE_TIMEOUT"],
    ] as const) {
      const result = await callCli(["conformance", "log", dead, "--timeout", "1", ...FAST]);
      expect(result).toMatchObject({ code: 4, stdout: "" });
      expect(result.stderr).toContain(`[${code}]`);
    }
  });

  it("survives a server that never ends an answer", async () => {
    const { url, seen } = await recording((_request, response) => {
      const chunk = Buffer.alloc(1_000_000, "x");
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", more);
      more();
    });
    const argv = ["conformance", "log", url, "--max-requests", "2", ...FAST];
    const { code, stdout } = await callCli(argv);
    expect(code).toBe(3);
    expect(seen.length).toBeLessThanOrEqual(2);
    expect(stdout).toContain("REMOTE_TOO_LARGE");
  });

  it("shows what it has when it is interrupted, and ends as an interrupt does", async () => {
    const interrupt = new AbortController();
    const pass = passOn(log.url);
    const { url, seen } = await recording((request, response) => {
      if (seen.length === 5) interrupt.abort(130);
      pass(request, response);
    });
    const { code, stdout, stderr } = await callCli(["conformance", "log", url, ...FAST], {
      signal: interrupt.signal,
    });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^pass /m);
    expect(stdout).toContain("not reached: interrupted");
    expect(stderr).toContain("[ABORTED]");
  });

  it.each([
    ["a case that there is not", ["--case", "no-such-case"], "USAGE"],
    ["a rate of 0", ["--rate", "0"], "USAGE"],
    ["a rate of 1e3", ["--rate", "1e3"], "USAGE"],
    ["no time at all", ["--max-seconds", "0"], "USAGE"],
    ["a contact that would end the header", ["--contact", "a@b)\r\nx: y"], "USAGE"],
    ["cases that are none", ["--cases", "/dev/null"], "CASES_MALFORMED"],
    ["a token without --allow-writes", ["--token-file", "x"], "USAGE"],
    ["--write-url without --allow-writes", ["--write-url", "http://127.0.0.1:1"], "USAGE"],
    ["a key that is none", ["--vkey", "x"], "VKEY_MALFORMED"],
  ])("refuses %s before it asks anything", async (_what, flags, code) => {
    const { url, seen } = await recording((_request, response) => response.end());
    const result = await callCli(["conformance", "log", url, ...flags]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(`[${code}]`);
    expect(seen).toEqual([]);
  });
});
