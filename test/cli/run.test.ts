import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { openOutput } from "../../src/cli/output.ts";
import { tail } from "../../src/cli/tail.ts";
import { TlogError } from "../../src/errors.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { callCli, resultOf, startCli, temporaryDirectory } from "./harness.ts";

/** Nothing listens on port 9 of a test machine, and fetch refuses to try. */
const NOWHERE = "http://127.0.0.1:9";

describe("help", () => {
  it("shows every command", async () => {
    const { code, stdout } = await callCli(["--help"]);
    expect(code).toBe(0);
    for (const path of Object.keys(COMMANDS)) expect(stdout).toContain(path.split(" ")[0]);
  });

  it.each(Object.keys(COMMANDS))("shows the options and an example of %s", async (path) => {
    const asked = await callCli([...path.split(" "), "--help"]);
    expect(asked.code).toBe(0);
    expect(asked.stdout).toContain(`Usage: bristlecone ${path}`);
    expect(asked.stdout).toContain("Examples:\n  ");
    expect(asked.stdout).toContain("--json");
    expect((await callCli(["help", ...path.split(" ")])).stdout).toBe(asked.stdout);
  });

  it("goes to stderr, with exit code 2, when no command is given", async () => {
    const { code, stdout, stderr } = await callCli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: bristlecone");
  });

  it("has the version of the package", async () => {
    expect((await callCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("usage errors", () => {
  it.each([
    ["an unknown command", ["veryfy"], /Did you mean verify\?/],
    ["an unknown option", ["cat", "--strat", "1"], /Did you mean --start\?/],
    ["a missing argument", ["get"], /missing required argument 'index'/],
    ["too many arguments", ["get", "1", "2"], /too many arguments/],
    ["an index with a leading zero", ["get", "01"], /index: want a decimal/],
    ["an index beyond 2^53", ["get", "9007199254740993"], /9007199254740991/],
    ["a poll beyond a day", ["tail", "--poll", "86400001"], /--poll: .*86400000/],
    ["a wait beyond a day", ["receipt", "0", "--wait", "86401"], /--wait: .*86400/],
    ["two ways to cut", ["add", "--lines", "--paragraphs", "-"], /--lines, --paragraphs/],
    ["standard input twice", ["add", "-", "-"], /once/],
    ["no batch in flight", ["add", "--in-flight", "0", "-"], /from 1 to 64/],
    ["a leaf hash of 31 bytes", ["verify", "-", "--leaf-hash", "00".repeat(31), "--vkey", "x"], /want/],
    [
      "nothing to verify against",
      ["verify", "-", "--leaf-hash", "00".repeat(32)],
      /--vkey VKEY or --policy FILE/,
    ],
    ["two to verify against", ["verify", "-", "--vkey", "x", "--policy", "y"], /--vkey, --policy/],
    ["an escape that means nothing", ["cat", "--separator", "\\q"], /\\q/],
    ["a file that is not there", ["add", "/nowhere/x"], /\/nowhere\/x/],
    ["a directory", ["add", "/"], /directory/],
    ["a key of a strange type", ["keygen", "--origin", "x", "--out", "/nowhere/x", "--type", "rsa"], /rsa/],
    ["no origin", ["keygen", "--out", "/nowhere/x"], /--origin/],
    ["a log that is no URL", ["get", "1", "--log", "ftp://x"], /--log: want an http/],
    ["another machine without a key", ["get", "1", "--log", "http://log.example"], /another machine/],
  ])("ends with 2 for %s", async (_what, argv, message) => {
    const { code, stdout, stderr } = await callCli(argv);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: .* \[[A-Z_]+\]\n$/s);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("are one line of JSON on stderr with --json", async () => {
    const { code, stderr } = await callCli(["get", "x", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "USAGE", message: expect.stringContaining("index"), exitCode: 2 },
    });
    expect(JSON.parse((await callCli(["--json", "nope"])).stderr).error.code).toBe("USAGE");
  });

  it("keep a separator out of JSON", async () => {
    const { code, stderr } = await callCli(["cat", "--separator", "x", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stderr).error.message).toContain("--separator");
  });

  it("tells an argument that looks like --json from the switch", async () => {
    expect((await callCli(["policy", "check", "--", "--json"])).stderr).toMatch(/^error: /);
  });
});

describe("a log that cannot be reached", () => {
  it("ends with 4", async () => {
    const { code, stderr } = await callCli(["get", "0", "--log", NOWHERE, "--timeout", "1"]);
    expect(stderr).toContain("REMOTE_UNREACHABLE");
    expect(code).toBe(4);
  });
});

describe("settings", () => {
  it("come from the environment and from a file too", async () => {
    const file = join(temporaryDirectory(), "settings.json");
    writeFileSync(file, JSON.stringify({ log: "ftp://from-file" }));
    const fromFile = await callCli(["get", "0", "--config", file]);
    expect(fromFile.stderr).toContain(`"log" in ${file}: want an http`);
    const environment = { BRISTLECONE_LOG: "ftp://from-environment" };
    const fromEnvironment = await callCli(["get", "0", "--config", file], { environment });
    expect(fromEnvironment.stderr).toContain("BRISTLECONE_LOG: want an http");
    const fromFlag = await callCli(["get", "0", "--config", file, "--log", "ftp://x"], { environment });
    expect(fromFlag.stderr).toContain("--log: want an http");
  });

  it("take a policy given as a flag before a key in the environment", async () => {
    const environment = { BRISTLECONE_VKEY: "not a key" };
    const argv = ["verify", "-", "--leaf-hash", "00".repeat(32), "--policy", "/nowhere/policy"];
    expect((await callCli(argv, { environment })).stderr).toContain("/nowhere/policy");
    const both = { ...environment, BRISTLECONE_POLICY: "/nowhere/policy" };
    expect((await callCli(argv.slice(0, 4), { environment: both })).stderr).toContain("not both");
  });
});

it("ends with the signal's code when it is interrupted", async () => {
  const signal = AbortSignal.abort(143);
  expect((await callCli(["get", "0", "--log", NOWHERE], { signal })).code).toBe(143);
});

it("does not let an interrupt hide that something failed to verify", async () => {
  const argv = ["verify", "-", "--leaf-hash", "00".repeat(32), "--vkey", VKEY];
  const { code, stderr } = await callCli(argv, { signal: AbortSignal.abort(130), stdin: "no receipt" });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("NOT VERIFIED") });
});

describe("tail", () => {
  /** Ctrl-C comes, and then the work under way ends so. */
  const endingIn = (error: Error) => {
    const interrupt = new AbortController();
    const streams = { stdout: process.stdout, stderr: process.stderr };
    return tail.run({
      args: [],
      flags: {},
      output: openOutput(streams, { isJson: false }),
      stdin: process.stdin,
      signal: interrupt.signal,
      now: () => 0,
      config: async () => {
        interrupt.abort(130);
        throw error;
      },
    });
  };

  it("ends well with Ctrl-C, but not with a fork found at that moment", async () => {
    await endingIn(new TlogError("ABORTED", ""));
    await expectCodeAsync(endingIn(new TlogError("LOG_FORKED", "")), "LOG_FORKED");
  });
});

describe("standard output that cannot be written", () => {
  const full = openSync("/dev/full", "w");
  afterAll(() => closeSync(full));

  it.each([[["cat", "--help"]], [["token", "new"]], [["token", "new", "--json"]]])(
    "ends with a line about it, and not well: %j",
    async (argv) => {
      const { code, stderr } = await resultOf(startCli(argv, temporaryDirectory(), { stdout: full }));
      expect(code).toBe(2);
      expect(stderr).toMatch(/^[^\n]*standard output cannot be written \(ENOSPC\)[^\n]*\n$/);
      expect(stderr).toContain("FILE_UNWRITABLE");
    },
  );
});

const VKEY = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";
