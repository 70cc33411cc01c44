import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  callCli,
  resultOf,
  type ServedHere,
  serveHere,
  spawnCli,
  startCli,
  temporaryDirectory,
} from "./harness.ts";

const running: ServedHere[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((log) => log.stop()));
});

async function serving(cwd: string, args: readonly string[] = []): Promise<ServedHere> {
  const log = await serveHere(cwd, args);
  running.push(log);
  return log;
}

async function addTo(log: ServedHere, line: string): Promise<void> {
  const argv = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
  expect(await callCli(argv, { stdin: `${line}\n` })).toMatchObject({ code: 0, stderr: "" });
}

/** A log that was started once, with one entry, and ended. */
async function usedLog(args: readonly string[] = []): Promise<{ cwd: string; origin: string; vkey: string }> {
  const cwd = temporaryDirectory();
  const log = await serveHere(cwd, args);
  await addTo(log, "x");
  expect(await log.stop()).toMatchObject({ code: 0 });
  return { cwd, origin: log.origin, vkey: log.vkey };
}

/** `serve` where it must refuse to start. */
function refused(cwd: string, args: readonly string[] = []) {
  return callCli(["serve", "--listen", "127.0.0.1:0", "--data", join(cwd, "data"), ...args]);
}

describe("a first start", () => {
  it("makes the key, names the log after it, and prints commands that work as they stand", async () => {
    const cwd = temporaryDirectory();
    const child = startCli(["serve", "--listen", "127.0.0.1:0"], cwd);
    const result = resultOf(child);
    const text = await new Promise<string>((found) => {
      let seen = "";
      child.stdout?.on("data", (chunk) => {
        seen += chunk;
        if (seen.includes("Ctrl-C ends")) found(seen);
      });
    });
    expect(text).toMatch(
      /^origin {8}localhost\/[0-9a-f]{8}\nverifier key {2}localhost\/\S+\nlistening on {2}http:\/\/127.0.0.1:\d+\n(explorer {6}http:\/\/127.0.0.1:\d+\/ .*\n)?data in {7}\.\/data /,
    );
    expect(statSync(join(cwd, "data.key")).mode % 0o1000).toBe(0o600);
    const steps = text.split("\n").filter((line) => line.startsWith("  "));
    expect(steps).toHaveLength(3);
    const shell = await run(cwd, steps.join("\n"));
    expect(shell.stdout).toMatch(/is entry 0\n[\s\S]*receipt of entry 0[\s\S]*\nVERIFIED\n/);
    expect(shell.code).toBe(0);
    child.kill("SIGTERM");
    expect((await result).code).toBe(0);
  });

  it("takes the name it is given, and is the same log at the second start", async () => {
    const { cwd, vkey } = await usedLog(["--origin", "example.com/log"]);
    const again = await serving(cwd);
    expect(again).toMatchObject({ origin: "example.com/log", vkey, treeSize: 1 });
    const info: unknown = await (await fetch(`${again.url}/log.json`)).json();
    expect(info).toMatchObject({ origin: "example.com/log", vkeys: [vkey] });
  });
});

describe("serve refuses, with exit code 2 and a word on what to do,", () => {
  it("a second process on the same directory, and a port that is taken", async () => {
    const cwd = temporaryDirectory();
    const { url } = await serving(cwd);
    const second = await spawnCli(["serve", "--listen", "127.0.0.1:0"], { cwd });
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("[STORE_LOCKED]");
    const other = await refused(temporaryDirectory(), ["--listen", new URL(url).host]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(`cannot listen on ${new URL(url).host}`);
  });

  it("another name than the log's, a key that is gone, a key that others can read", async () => {
    const { cwd, origin } = await usedLog();
    const renamed = await refused(cwd, ["--origin", "example.com/other"]);
    expect(renamed.code).toBe(2);
    expect(renamed.stderr).toContain(`want ${origin}, the name of the key`);
    chmodSync(join(cwd, "data.key"), 0o644);
    expect((await refused(cwd)).stderr).toContain("[KEY_FILE_EXPOSED]");
    renameSync(join(cwd, "data.key"), join(cwd, "moved.key"));
    const keyless = await refused(cwd);
    expect(keyless.code).toBe(2);
    expect(keyless.stderr).toContain("[KEY_FILE_MISSING]");
    expect(existsSync(join(cwd, "data.key"))).toBe(false);
  });

  it("a guard that is gone or ahead, and goes on without it only when told so", async () => {
    const { cwd } = await usedLog();
    cpSync(join(cwd, "data"), join(cwd, "backup"), { recursive: true });
    const log = await serveHere(cwd);
    await addTo(log, "y");
    await log.stop();
    rmSync(join(cwd, "data"), { recursive: true });
    renameSync(join(cwd, "backup"), join(cwd, "data"));
    const ahead = await refused(cwd);
    expect(ahead.code).toBe(2);
    expect(ahead.stderr).toMatch(
      /Ways out:\n {2}- bring back the newest data directory[\s\S]*--recreate-guard/,
    );
    rmSync(join(cwd, "data.guard"));
    const missing = await refused(cwd);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("[GUARD_MISSING]");
    expect((await serving(cwd, ["--recreate-guard"])).treeSize).toBe(1);
  });

  it("a guard inside the data directory, also by a symbolic link", async () => {
    const cwd = temporaryDirectory();
    symlinkSync(join(cwd, "data"), join(cwd, "link"));
    for (const guard of ["data/guard", "data", "./data/../data/a/b"]) {
      const { code, stderr } = await callCli([
        "serve",
        "--data",
        join(cwd, "data"),
        "--guard",
        join(cwd, guard),
      ]);
      expect(stderr).toContain("--guard: want a path outside the data directory");
      expect(code).toBe(2);
    }
    mkdirSync(join(cwd, "data"));
    const { stderr } = await callCli([
      "serve",
      "--data",
      join(cwd, "data"),
      "--guard",
      join(cwd, "link/guard"),
    ]);
    expect(stderr).toContain("--guard: want a path outside the data directory");
  });

  it("a file of tokens that holds something else", async () => {
    const cwd = temporaryDirectory();
    const tokens = join(cwd, "tokens");
    writeFileSync(tokens, `# ours\n\n${"0".repeat(64)} # mine\nsecret\n`);
    const { code, stderr } = await callCli(["serve", "--data", join(cwd, "data"), "--tokens", tokens]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${tokens}, line 4: want SHA-256 of a token`);
    expect(stderr).not.toContain("secret");
  });
});

describe("write tokens", () => {
  it("let in who holds one, from a file or the environment, and nobody else", async () => {
    const cwd = temporaryDirectory();
    const { token, tokenHash } = JSON.parse((await callCli(["token", "new", "--json"])).stdout);
    const tokens = join(cwd, "tokens");
    writeFileSync(tokens, `# one client\n${tokenHash}\n`);
    writeFileSync(join(cwd, "token"), `${token}\n`);
    const { url, vkey } = await serving(cwd, ["--tokens", tokens]);
    const argv = ["add", "--lines", "-", "--log", url, "--vkey", vkey, "--no-memory"];
    const without = await callCli(argv, { stdin: "a\n" });
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/TOKEN_MISSING.*--token-file/);
    expect((await callCli(argv, { stdin: "a\n", environment: { BRISTLECONE_TOKEN: "wrong" } })).code).toBe(2);
    expect((await callCli(argv, { stdin: "a\n", environment: { BRISTLECONE_TOKEN: token } })).code).toBe(0);
    expect((await callCli([...argv, "--token-file", join(cwd, "token")], { stdin: "b\n" })).code).toBe(0);
  });
});

describe("a file of tokens without a token", () => {
  it.each([[[]], [["--open-writes"]]])("lets nobody write (%j)", async (more) => {
    const cwd = temporaryDirectory();
    const tokens = join(cwd, "tokens");
    writeFileSync(tokens, "# all tokens revoked\n");
    const { url, vkey } = await serving(cwd, ["--tokens", tokens, ...more]);
    const argv = ["add", "--lines", "-", "--log", url, "--vkey", vkey, "--no-memory"];
    expect(await callCli(argv, { stdin: "a\n" })).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("a write token", () => {
  it.each([
    ["two lines", "secret-one\nsecret-two\n"],
    ["words", "Bearer secret"],
    ["nothing", "\n"],
    ["bytes that are not text", Uint8Array.of(0xff, 0xfe)],
  ])("is refused, not sent and not printed, when its file holds %s", async (_what, content) => {
    const file = join(temporaryDirectory(), "token");
    writeFileSync(file, content);
    const argv = [
      "add",
      "--lines",
      "-",
      "--log",
      "http://127.0.0.1:9",
      "--vkey",
      ANY_VKEY,
      "--token-file",
      file,
    ];
    const { code, stderr } = await callCli(argv, { stdin: "a\n" });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `error: ${file}: want one token and nothing else [CONFIG_INVALID]\n`,
    });
  });

  it("is not read by a command that does not write", async () => {
    const environment = { BRISTLECONE_TOKEN_FILE: "/nowhere/token" };
    const argv = ["get", "0", "--log", "http://127.0.0.1:9", "--vkey", ANY_VKEY, "--timeout", "1"];
    expect((await callCli(argv, { environment })).code).toBe(4);
  });

  it("comes from the nearest source: the environment before a file named in a configuration file", async () => {
    const cwd = temporaryDirectory();
    const { token, tokenHash } = JSON.parse((await callCli(["token", "new", "--json"])).stdout);
    writeFileSync(join(cwd, "settings.json"), JSON.stringify({ tokenFile: "/nowhere/token" }));
    const { url, vkey } = await serving(cwd, ["--token-hash", tokenHash]);
    const argv = ["add", "--lines", "-", "--log", url, "--vkey", vkey, "--no-memory"];
    const environment = { BRISTLECONE_TOKEN: token, BRISTLECONE_CONFIG: join(cwd, "settings.json") };
    expect(await callCli(argv, { stdin: "a\n", environment })).toMatchObject({ code: 0, stderr: "" });
  });
});

/** Well-formed, of no log here. */
const ANY_VKEY = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";

function run(cwd: string, script: string) {
  const env = { PATH: process.env.PATH, HOME: cwd, XDG_STATE_HOME: join(cwd, "state") };
  return resultOf(spawn("sh", ["-ec", script], { cwd, env }));
}
