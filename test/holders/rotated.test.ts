/** A log whose key is replaced, as processes: readers of its own, witnesses of its own, commands as they are typed. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resultOf, startCli, startServe, stopServe, temporaryDirectory } from "../cli/harness.ts";

const cwd = temporaryDirectory();
const data = join(cwd, "data");
const key = join(cwd, "new.key");
const WITH = ["--readers", "2", "--local-witnesses", "3"];

const cli = async (...args: string[]) => await resultOf(startCli(args, cwd));

describe("a log with readers and local witnesses whose key is replaced", () => {
  it("is followed from the old key over every reader, cosigned by all of its witnesses", async () => {
    const before = await startServe(cwd, ["--data", data, ...WITH]);
    const { vkey, url } = before;
    const add = (at: string, text: string) => fetch(`${at}/add`, { method: "POST", body: text });
    for (const text of ["one", "two"]) expect((await add(url, text)).status).toBe(200);
    const origin = vkey.split("+")[0] ?? "";
    await stopServe(before);

    expect((await cli("keygen", "--origin", origin, "--out", key)).code).toBe(0);
    const rotate = ["rotate", origin, "--data", data, "--new-key", key];
    const dropped = await cli(...rotate);
    expect(dropped).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing is changed") });
    const changed = await cli(...rotate, "--local-witnesses", "3", "--json");
    expect(changed.code).toBe(0);
    const { checkpoint } = JSON.parse(changed.stdout);
    expect(checkpoint.match(/^— /gm)).toHaveLength(2 + 3);

    const both = ["--key", key, "--former-key", `${data}.key`];
    const during = await startServe(cwd, ["--data", data, ...WITH, ...both]);
    expect((await add(during.url, "three")).status).toBe(200);
    // Connections of their own go to one process after the other.
    for (let look = 0; look < 6; look++) {
      const headers = { connection: "close" };
      expect((await fetch(`${during.url}/key-history`, { headers })).status).toBe(200);
    }
    const followed = await cli("checkpoint", "--log", during.url, "--vkey", vkey, "--no-memory");
    expect(followed).toMatchObject({ code: 0, stderr: expect.stringContaining("from now on trust") });
    await stopServe(during);

    const after = await startServe(cwd, ["--data", data, ...WITH, "--key", key]);
    expect((await add(after.url, "four")).status).toBe(200);
    const receipt = [
      "receipt",
      "3",
      "--log",
      after.url,
      "--vkey",
      vkey,
      "--no-memory",
      "--out",
      join(cwd, "four.receipt"),
    ];
    expect((await cli(...receipt)).code).toBe(0);
    await stopServe(after);
    const checked = await cli("fsck", data, "--vkey", vkey);
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining("with key change 1") });
    const retired = await cli("serve", "--data", data, "--listen", "127.0.0.1:0");
    expect(retired).toMatchObject({ code: 2, stderr: expect.stringContaining("KEY_RETIRED") });
  }, 120_000);
});
