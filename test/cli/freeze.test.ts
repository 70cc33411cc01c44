import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

const ORIGIN = "example.com/2026";

async function addTo(log: ServedHere, line: string) {
  const argv = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
  return await callCli(argv, { stdin: `${line}\n` });
}

/** A log of one entry that was served, with three witnesses, and stopped. */
async function stoppedLog(): Promise<{ cwd: string; data: string }> {
  const cwd = temporaryDirectory();
  const log = await serveHere(cwd, ["--origin", ORIGIN, "--local-witnesses", "3"]);
  expect(await addTo(log, "one")).toMatchObject({ code: 0 });
  await log.stop();
  return { cwd, data: join(cwd, "data") };
}

const witnessed = ["--local-witnesses", "3"];

describe("freeze", () => {
  it("ends a log: the last checkpoint says so, cosigned, and it is served to everybody and written by nobody", async () => {
    const { cwd, data } = await stoppedLog();
    const next = JSON.parse(
      (await callCli(["keygen", "--origin", "example.com/2027", "--out", join(cwd, "next.key"), "--json"]))
        .stdout,
    );
    const successor = `${next.vkey} https://log.example.com/2027/`;
    const argv = ["freeze", ORIGIN, "--data", data, ...witnessed, "--successor", successor];
    const frozen = await callCli(argv);
    expect(frozen.code).toBe(0);
    expect(frozen.stdout).toMatch(
      /^FROZEN\norigin {7}example\.com\/2026\ntree size {4}1\nroot hash {4}\S+=\nfrozen {7}\d{4}-\S+Z: it grows no more\n/,
    );
    expect(frozen.stdout).toContain(`successor    ${successor}\n`);
    expect(frozen.stdout).toMatch(/signed by {4}example\.com\/2026, (\S+\/w\d, ){1,2}\S+\/w\d\n/);

    const log = await serveHere(cwd, witnessed);
    try {
      const refused = await addTo(log, "two");
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("410 LOG_ENDED");
      expect(refused.stderr).toContain("they go to example.com/2027 https://log.example.com/2027/");
      const shown = await callCli([
        "checkpoint",
        "--log",
        log.url,
        "--policy",
        `${data}.policy`,
        "--no-memory",
      ]);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain("it grows no more\n");
      expect(shown.stdout).toContain(`successor    ${successor}\n`);
      const info: unknown = await (await fetch(`${log.url}/log.json`)).json();
      expect(info).toMatchObject({
        frozen: {
          treeSize: 1,
          successor: { origin: "example.com/2027", vkey: next.vkey, url: "https://log.example.com/2027/" },
        },
      });
      expect(await (await fetch(`${log.url}/entry/0`)).text()).toBe("one");
    } finally {
      expect(await log.stop()).toMatchObject({ code: 0 });
    }
    // Once more changes nothing.
    const again = await callCli(["freeze", ORIGIN, "--data", data, ...witnessed, "--json"]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ origin: ORIGIN, treeSize: 1, marked: true });
  });

  it("wants the log's name, and ends nothing without it", async () => {
    const { cwd, data } = await stoppedLog();
    for (const [argv, words] of [
      [[], `To end it, give its name ${ORIGIN}`],
      [["example.com/2025"], `give its name ${ORIGIN}, got example.com/2025`],
      [[ORIGIN, "--successor", "nonsense"], "[VKEY_MALFORMED]"],
      [[ORIGIN], "want --policy FILE or --local-witnesses N"],
    ] as const) {
      const { code, stderr } = await callCli(["freeze", "--data", data, ...argv]);
      expect(stderr).toContain(words);
      expect(code).toBe(2);
    }
    const log = await serveHere(cwd, witnessed);
    const own = await callCli(["freeze", ORIGIN, "--data", data]);
    expect(own).toMatchObject({ code: 2, stdout: "" });
    expect(own.stderr).toContain("stop the server of this log first");
    const self = await callCli(["freeze", ORIGIN, "--data", data, "--successor", log.vkey]);
    expect(self.stderr).toContain("--successor: want another log");
    expect(await addTo(log, "two")).toMatchObject({ code: 0 });
    await log.stop();
  });

  it("makes no log where there is none", async () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "data"));
    const { code, stderr } = await callCli(["freeze", ORIGIN, "--data", join(cwd, "data")]);
    expect(code).toBe(2);
    expect(stderr).toContain("there is no log in");
    expect(existsSync(join(cwd, "data.key"))).toBe(false);
  });
});
