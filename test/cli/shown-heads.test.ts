import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

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

/** A machine with a log of one entry, and a copy of all of it: data, key and guard. */
async function copiedMachine(): Promise<{ here: string; copy: string }> {
  const here = temporaryDirectory();
  const log = await serveHere(here, ["--origin", "example.com/copied"]);
  await addTo(log, "one");
  await log.stop();
  const copy = temporaryDirectory();
  cpSync(here, copy, { recursive: true });
  return { here, copy };
}

function refused(cwd: string, args: readonly string[]) {
  return callCli(["serve", "--listen", "127.0.0.1:0", "--data", join(cwd, "data"), ...args]);
}

describe("serve --served-at", () => {
  it("refuses, with exit code 2, to sign on a restored machine, says by how much and what to do, and that works", async () => {
    const { here, copy } = await copiedMachine();
    const log = await serving(here);
    await addTo(log, "two\nthree");
    const { code, stderr, stdout } = await refused(copy, ["--served-at", log.url]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(
      "/checkpoint shows size 3, signed with this log's key, and this data directory has 1",
    );
    expect(stderr).toContain("2 entries are missing here. Ways out:");
    expect(stderr).toContain(`import ${log.url} --data ${join(copy, "data")} --key `);
    expect(stderr).toContain("[LOG_ROLLED_BACK]");
    // Only a flag that nobody needs here would have helped.
    expect(stderr).not.toContain("--recreate-guard");
    const again = await refused(copy, ["--served-at", log.url, "--recreate-guard"]);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    const at = (name: string) => join(copy, name);
    const places = ["--data", at("data"), "--key", at("data.key"), "--guard", at("data.guard")];
    expect(await callCli(["import", log.url, ...places])).toMatchObject({ code: 0 });
    const whole = await serving(copy, ["--served-at", log.url]);
    expect(whole.treeSize).toBe(3);
  });

  it("refuses another history, also of a smaller size", async () => {
    const { here, copy } = await copiedMachine();
    const log = await serving(here);
    await addTo(log, "two");
    const forked = await serveHere(copy);
    await addTo(forked, "another\nand another");
    await forked.stop();
    const { code, stderr } = await refused(copy, ["--served-at", log.url]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/at size 2 \S+ shows the root \S+, signed with this log's key/);
    expect(stderr).toContain("[LOG_CONTRADICTED]");
  });

  it("takes several places, and warns of those that do not answer", async () => {
    const { here, copy } = await copiedMachine();
    const log = await serving(here);
    const dead = "http://127.0.0.1:9/";
    const copied = await serveHere(copy, ["--served-at", log.url, "--served-at", dead]);
    const { code, stderr } = await copied.stop();
    expect(code).toBe(0);
    expect(stderr).toContain("1 of 2 places that show this log's heads did not tell what was signed");
    expect(stderr).toContain(`${dead}checkpoint (`);
  });

  it("wants a URL", async () => {
    const { code, stderr } = await refused(temporaryDirectory(), ["--served-at", "log.example.com"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--served-at: want the http:// or https:// URL where readers see this log");
  });
});

describe("two servers on copies of one directory", () => {
  it("that share a guard: the older copy is refused, and the other goes on", async () => {
    const { here } = await copiedMachine();
    cpSync(join(here, "data"), join(here, "data-copy"), { recursive: true });
    const first = await serving(here);
    const shared = ["--key", join(here, "data.key"), "--guard", join(here, "data.guard")];
    const second = await refused(here, ["--data", join(here, "data-copy"), ...shared]);
    // The first opened the directory since it was copied.
    expect(second).toMatchObject({ code: 2, stdout: "" });
    expect(second.stderr).toContain("[GUARD_MISMATCH]");
    await addTo(first, "two");
  });

  it("that ask one witness: the second is refused as soon as the first is ahead", async () => {
    const here = temporaryDirectory();
    const log = await serveHere(here, ["--local-witnesses", "3"]);
    await addTo(log, "one");
    await log.stop();
    const copy = temporaryDirectory();
    cpSync(join(here, "data"), join(copy, "data"), { recursive: true });
    cpSync(join(here, "data.key"), join(copy, "data.key"));
    cpSync(join(here, "data.guard"), join(copy, "data.guard"));
    const first = await serving(here, ["--local-witnesses", "3"]);
    await addTo(first, "two");
    await expect
      .poll(async () => (await (await fetch(`${first.url}/checkpoint`)).text()).split("\n")[1])
      .toBe("2");
    const second = await refused(copy, ["--policy", join(here, "data.policy")]);
    expect(second).toMatchObject({ code: 2, stdout: "" });
    expect(second.stderr).toMatch(/\/witness\/w1\/[0-9a-f]{64}\/checkpoint shows size 2/);
    expect(second.stderr).toContain("[LOG_ROLLED_BACK]");
  });
});
