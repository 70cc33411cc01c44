import { cpSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { originHash } from "../../src/tlog/origin-hash.ts";
import {
  callCli,
  type Result,
  type ServedHere,
  serveHere,
  temporaryDirectory,
  type WitnessHere,
  witnessHere,
} from "./harness.ts";

const running: { stop(): Promise<Result> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function serving(cwd: string, args: readonly string[] = []): Promise<ServedHere> {
  const log = await serveHere(cwd, args);
  running.push(log);
  return log;
}

async function witnessing(cwd: string, args: readonly string[] = []): Promise<WitnessHere> {
  const witness = await witnessHere(cwd, args);
  running.push(witness);
  return witness;
}

async function stop(one: WitnessHere): Promise<Result> {
  running.splice(running.indexOf(one), 1);
  const result = await one.stop();
  expect(result.code).toBe(0);
  return result;
}

/** `witness` where it must refuse to start. */
function refused(cwd: string, args: readonly string[] = []) {
  return callCli(["witness", "--listen", "127.0.0.1:0", "--data", join(cwd, "witness"), ...args]);
}

async function addTo(log: ServedHere, line: string): Promise<void> {
  const argv = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
  expect(await callCli(argv, { stdin: `${line}\n` })).toMatchObject({ code: 0 });
}

async function sizeAt(witness: WitnessHere, log: ServedHere): Promise<string | undefined> {
  const response = await fetch(`${witness.url}/${originHash(log.origin)}/checkpoint`);
  return response.status === 200 ? (await response.text()).split("\n")[1] : undefined;
}

describe("witness", () => {
  it("makes its key on the first start, and is the same witness at the second", async () => {
    const cwd = temporaryDirectory();
    const first = await witnessing(cwd, ["--name", "witness.example/w1"]);
    expect(first.name).toBe("witness.example/w1");
    expect(first.vkeys).toHaveLength(1);
    expect(statSync(join(cwd, "witness.key")).mode % 0o1000).toBe(0o600);
    expect(existsSync(join(cwd, "witness.guard"))).toBe(true);
    await stop(first);
    const second = await witnessing(cwd);
    expect(second.vkeys).toEqual(first.vkeys);
    const info: unknown = await (await fetch(`${second.url}/witness.json`)).json();
    expect(info).toMatchObject({ name: "witness.example/w1", vkeys: first.vkeys, logCount: 0 });
  });

  it("asks logs what its keys signed when they were there before, and not when it has just made its key", async () => {
    const cwd = temporaryDirectory();
    const key = await callCli(["keygen", "--origin", "log.example", "--out", join(cwd, "log.key")]);
    const argv = ["--log", `${key.stdout.trim()} http://127.0.0.1:9`, "--log-level", "warn"];
    expect((await stop(await witnessing(cwd, argv))).stderr).not.toContain("OWN_SIGNATURES_UNKNOWN");
    expect((await stop(await witnessing(cwd, argv))).stderr).toContain("OWN_SIGNATURES_UNKNOWN");
  });

  it("cosigns what a log sends it under a policy, and what it reads from a log that does not", async () => {
    const cwd = temporaryDirectory();
    const unasked = await serving(temporaryDirectory());
    await addTo(unasked, "x");
    const key = await callCli(["keygen", "--origin", "log.example/asking", "--out", join(cwd, "data.key")]);
    const vkey = key.stdout.trim();
    const logs = ["--log", vkey, "--log", `${unasked.vkey} ${unasked.url}`];
    const witness = await witnessing(cwd, ["--name", "witness.example/w1", "--poll-interval", "1", ...logs]);
    await expect.poll(() => sizeAt(witness, unasked), { timeout: 10_000 }).toBe("1");
    const policy = join(cwd, "policy.txt");
    writeFileSync(policy, `log ${vkey}\nwitness w1 ${witness.vkeys[0]} ${witness.url}\nquorum w1\n`);
    const log = await serving(cwd, ["--policy", policy]);
    await addTo(log, "y");
    expect(await sizeAt(witness, log)).toBe("1");
    expect(await (await fetch(`${log.url}/checkpoint`)).text()).toContain("— witness.example/w1 ");
  });

  it("cosigns with a second, ML-DSA-44 key too", async () => {
    const cwd = temporaryDirectory();
    const file = join(cwd, "pq.key");
    await callCli(["keygen", "--type", "ml-dsa-44", "--origin", "witness.example/w1", "--out", file]);
    const witness = await witnessing(cwd, ["--name", "witness.example/w1", "--ml-dsa-key", file]);
    expect(witness.vkeys).toHaveLength(2);
    await stop(witness);
    await callCli(["keygen", "--type", "ml-dsa-44", "--origin", "other", "--out", join(cwd, "other.key")]);
    const { code, stderr } = await refused(cwd, ["--ml-dsa-key", join(cwd, "other.key")]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("want a key of the name witness.example/w1")]);
  });

  it("takes its settings from the environment and a file too", async () => {
    const cwd = temporaryDirectory();
    const log = await serving(cwd);
    const file = join(cwd, "settings.json");
    writeFileSync(file, JSON.stringify({ witnessedLogs: [log.vkey], name: "witness.example/file" }));
    const witness = await witnessing(cwd, ["--config", file]);
    expect(witness.name).toBe("witness.example/file");
    const info: unknown = await (await fetch(`${witness.url}/witness.json`)).json();
    expect(info).toMatchObject({ logs: [{ origin: log.origin }] });
  });
});

describe("witness refuses, with exit code 2 and a word on what to do,", () => {
  it("a key that is a log's, another name, a key that is gone", async () => {
    const cwd = temporaryDirectory();
    await callCli(["keygen", "--origin", "log.example", "--out", join(cwd, "log.key")]);
    const ofLog = await refused(cwd, ["--key", join(cwd, "log.key")]);
    expect([ofLog.code, ofLog.stderr]).toEqual([
      2,
      expect.stringContaining("got a log's Ed25519 key (type 1)"),
    ]);
    await stop(await witnessing(cwd, ["--name", "witness.example/w1"]));
    const renamed = await refused(cwd, ["--name", "witness.example/w2"]);
    expect([renamed.code, renamed.stderr]).toEqual([2, expect.stringContaining("want witness.example/w1")]);
    renameSync(join(cwd, "witness.key"), join(cwd, "moved.key"));
    const keyless = await refused(cwd);
    expect([keyless.code, keyless.stderr]).toEqual([2, expect.stringContaining("KEY_FILE_MISSING")]);
    expect(existsSync(join(cwd, "witness.key"))).toBe(false);
  });

  it("a log that has its name, a log that is no key, a peer without a URL", async () => {
    const cwd = temporaryDirectory();
    const log = await serving(cwd);
    const named = await refused(cwd, ["--name", log.origin, "--log", log.vkey]);
    expect([named.code, named.stderr]).toEqual([2, expect.stringContaining("is named as the witness is")]);
    expect((await refused(cwd, ["--log", "nonsense"])).code).toBe(2);
    const peer = await refused(temporaryDirectory(), ["--peer", log.vkey]);
    expect([peer.code, peer.stderr]).toEqual([2, expect.stringContaining("--peer: want 'VKEY… URL'")]);
  });

  it("a guard that is gone or ahead, and goes on without it only when told so", async () => {
    const cwd = temporaryDirectory();
    const log = await serving(cwd);
    const logs = ["--log", `${log.vkey} ${log.url}`, "--poll-interval", "1"];
    const first = await witnessing(cwd, logs);
    await expect.poll(() => sizeAt(first, log), { timeout: 10_000 }).toBe("0");
    await stop(first);
    cpSync(join(cwd, "witness"), join(cwd, "backup"), { recursive: true });
    await addTo(log, "x");
    const second = await witnessing(cwd, logs);
    await expect.poll(() => sizeAt(second, log), { timeout: 10_000 }).toBe("1");
    await stop(second);
    rmSync(join(cwd, "witness"), { recursive: true });
    renameSync(join(cwd, "backup"), join(cwd, "witness"));
    const ahead = await refused(cwd);
    expect(ahead.code).toBe(2);
    expect(ahead.stderr).toMatch(
      /Ways out:\n {2}- bring back the newest data directory[\s\S]*--recreate-guard/,
    );
    rmSync(join(cwd, "witness.guard"));
    expect((await refused(cwd)).stderr).toContain("[GUARD_MISSING]");
    await witnessing(cwd, ["--recreate-guard"]);
  });

  it("a key that was there before, without the data and the guard that tell what it signed", async () => {
    const cwd = temporaryDirectory();
    await stop(await witnessing(cwd));
    rmSync(join(cwd, "witness"), { recursive: true });
    rmSync(join(cwd, "witness.guard"));
    const { code, stderr } = await refused(cwd);
    expect(code).toBe(2);
    expect(stderr).toContain("[GUARD_MISSING]");
    expect(stderr).toContain("--recreate-guard");
    expect(existsSync(join(cwd, "witness"))).toBe(false);
    await witnessing(cwd, ["--recreate-guard"]);
  });

  it("a mistyped flag, before a file is made", async () => {
    const cwd = temporaryDirectory();
    expect((await refused(cwd, ["--log", "bogus"])).code).toBe(2);
    expect(existsSync(join(cwd, "witness.key"))).toBe(false);
  });

  it("a second process on the same directory, and a port that is taken", async () => {
    const cwd = temporaryDirectory();
    const { url } = await witnessing(cwd);
    expect((await refused(cwd)).stderr).toContain("[STORE_LOCKED]");
    const { code, stderr } = await callCli([
      "witness",
      "--listen",
      new URL(url).host,
      "--data",
      join(cwd, "second"),
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("LISTEN_FAILED")]);
  });
});
