import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encryptAge } from "../../src/keys/age-file.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseKeyHistory } from "../../src/tlog/key-history.ts";
import { callCli, serveHere, temporaryDirectory } from "./harness.ts";

describe("rotate", () => {
  it("changes a log's key, readers follow, and two changes of one key are kept as evidence", async () => {
    const directory = temporaryDirectory();
    const at = (name: string) => join(directory, name);
    mkdirSync(at("mine"));
    const log = await serveHere(at("mine"));
    await callCli(["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"], {
      stdin: "a\n",
    });
    await log.stop();
    cpSync(at("mine"), at("thief"), { recursive: true });
    for (const side of ["mine", "thief"]) {
      const key = at(`${side}/new.key`);
      expect((await callCli(["keygen", "--origin", log.origin, "--out", key])).code).toBe(0);
      const rotate = ["rotate", "--data", at(`${side}/data`), "--new-key", key];
      expect((await callCli(rotate)).code).toBe(2);
      const changed = await callCli([...rotate, log.origin]);
      expect(changed.code).toBe(0);
      expect(changed.stdout).toContain("KEYS CHANGED\n");
    }
    const keys = (side: string) => ["--key", at(`${side}/new.key`), "--former-key", at(`${side}/data.key`)];
    const mine = await serveHere(at("mine"), keys("mine"));
    const thief = await serveHere(at("thief"), keys("thief"));
    const look = (url: string) =>
      callCli(["checkpoint", "--log", url, "--vkey", log.vkey, "--state", at("state")]);
    const followed = await look(mine.url);
    expect(followed.code).toBe(0);
    expect(followed.stderr).toContain(`from now on trust ${mine.vkey}`);
    expect(await look(mine.url)).toMatchObject({ code: 0, stderr: "" });
    const forked = await look(thief.url);
    expect(forked.code).toBe(1);
    expect(forked.stderr).toContain("KEY_HISTORY_FORKED");
    const kept = readdirSync(at("state/forks")).map((name) =>
      readFileSync(join(at("state/forks"), name), "utf8"),
    );
    expect(kept).toHaveLength(2);
    const shown = await callCli(["keys", "-", "--log-key", log.vkey], { stdin: kept[0] ?? "" });
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toContain("was replaced: believe the log's key now");
    const foreign = ["keys", "-", "--log-key", mine.vkey];
    const verdicts = await Promise.all(kept.map((stdin) => callCli(foreign, { stdin })));
    expect(verdicts.map(({ code }) => code).sort()).toEqual([0, 1]);
    for (const history of kept) expect(parseKeyHistory(encodeUtf8(history)).changes).toHaveLength(1);
    await mine.stop();
    await thief.stop();
    // Under the old key alone it starts no more.
    const retired = await callCli(["serve", "--data", at("mine/data"), "--listen", "127.0.0.1:0"]);
    expect(retired.stderr).toContain("KEY_RETIRED");
  }, 60_000);

  it("of one of two keys, with another passphrase, tells flags that serve starts with, and refuses a third passphrase", async () => {
    const directory = temporaryDirectory();
    const at = (name: string) => join(directory, name);
    const encrypted = async (name: string, passphrase: string, type = "ed25519") => {
      const keygen = ["keygen", "--origin", "example.com/log", "--type", type, "--out", at(`${name}.plain`)];
      expect((await callCli(keygen)).code).toBe(0);
      const bytes = await encryptAge(readFileSync(at(`${name}.plain`)), { passphrase, workFactor: 4 });
      writeFileSync(at(name), bytes, { mode: 0o600 });
      writeFileSync(at(passphrase), passphrase, { mode: 0o600 });
      return at(name);
    };
    const second = await encrypted("ml", "one", "ml-dsa-44");
    let flags = [
      "--key",
      await encrypted("ed", "one"),
      "--ml-dsa-key",
      second,
      "--passphrase-file",
      at("one"),
    ];
    await (await serveHere(directory, flags)).stop();
    const rotate = async (next: string, passphrase: string) => {
      const key = ["--new-key", await encrypted(next, passphrase), "--new-passphrase-file", at(passphrase)];
      return await callCli(["rotate", "example.com/log", "--data", at("data"), ...flags, ...key]);
    };
    const changed = await rotate("ed2", "two");
    expect([changed.code, changed.stdout]).toEqual([0, expect.stringContaining("KEYS CHANGED")]);
    flags = /Start serve as before, with (.+): then both sign/.exec(changed.stdout)?.[1]?.split(" ") ?? [];
    const served = await serveHere(directory, flags);
    expect(served.vkeys).toHaveLength(3);
    await served.stop();
    const third = await rotate("ed3", "three");
    expect([third.code, third.stderr]).toEqual([2, expect.stringContaining("nothing is changed")]);
    await (await serveHere(directory, flags)).stop();
  }, 60_000);

  it("is led back, from a backup of before it, by the commands that restore and serve print", async () => {
    const directory = temporaryDirectory();
    const at = (name: string) => join(directory, name);
    const log = await serveHere(directory);
    await callCli(["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"], {
      stdin: "a\n",
    });
    await log.stop();
    expect((await callCli(["backup", at("backup"), "--data", at("data")])).code).toBe(0);
    expect((await callCli(["export", at("mirror"), "--data", at("data")])).code).toBe(0);
    await callCli(["keygen", "--origin", log.origin, "--out", at("new.key")]);
    const rotate = ["rotate", log.origin, "--data", at("data"), "--new-key", at("new.key")];
    expect((await callCli(rotate)).code).toBe(0);
    expect((await callCli(["export", at("later"), "--data", at("data")])).code).toBe(0);
    const places = ["--data", at("data2"), "--guard", at("data.guard")];
    const restored = await callCli(["restore", at("backup"), ...places]);
    const serve = ["serve", ...places, "--listen", "127.0.0.1:0", "--key"];
    const refused = await callCli([...serve, at("new.key")]);
    const doctor = await callCli(["doctor", ...places, "--key", at("new.key")]);
    for (const said of [restored.stderr, refused.stderr, doctor.stdout]) {
      expect(said.replace(/\s+/g, " ")).toContain("--key-history FILE");
      expect(said).not.toContain("--recreate-guard");
    }
    const words = / import (URL-OR-DIRECTORY .+?), and start/.exec(restored.stderr)?.[1] ?? "";
    const known = { "URL-OR-DIRECTORY": at("mirror"), "OLD-VKEY": log.vkey, FILE: at("later/key-history") };
    const way = words
      .split(" ")
      .map((word) => Object.entries(known).find(([name]) => name === word)?.[1] ?? word);
    expect(await callCli(["import", ...way])).toMatchObject({ code: 0 });
    const again = await serveHere(directory, [...places, "--key", at("new.key")]);
    expect(again.origin).toBe(log.origin);
    await again.stop();
  }, 60_000);
});
