import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SERVE_SETTINGS } from "../../src/cli/serve.ts";
import { environmentName } from "../../src/settings.ts";
import { callCli, serveHere, temporaryDirectory } from "./harness.ts";

it("no command shows a PIN that stands in a key's URI, whatever else is wrong", async () => {
  const cwd = temporaryDirectory();
  const at = (name: string) => join(cwd, name);
  await (await serveHere(cwd, [])).stop();
  expect((await callCli(["backup", at("b"), "--data", at("data")])).code).toBe(0);
  const guard = ["--guard", at("wrong.guard")];
  writeFileSync(at("wrong.guard"), "nothing");
  for (const uri of [
    "pkcs11:object=o?pin-value=SECRET",
    "pkcs11:object=o;pin-value=SECRET?module-path=/m.so",
  ]) {
    const serve = ["serve", "--data", at("new"), "--listen", "127.0.0.1:0"];
    for (const args of [
      [...serve, "--key", uri],
      [...serve, "--key", uri, "--guard", uri],
      [...serve, "--origin", "a", "--ml-dsa-key", uri],
      ["restore", at("b"), "--data", at(`restored${uri.length}`), "--key", uri, ...guard],
      ["witness", "--data", at("witness"), "--key", uri, "--listen", "127.0.0.1:0"],
      ["keygen", "--of", uri],
    ]) {
      const { code, stdout, stderr } = await callCli(args);
      expect([args[0], code, stdout + stderr]).toEqual([
        args[0],
        expect.any(Number),
        expect.not.stringContaining("SECRET"),
      ]);
      expect(code).not.toBe(0);
    }
  }
});

it("doctor shows no PIN, no credentials and no query of a URL, whichever setting they were given to", async () => {
  const cwd = temporaryDirectory();
  const data = join(cwd, "data");
  await (await serveHere(cwd, [])).stop();
  const [url, uri] = [
    "https://u:SECRET@h.invalid/a?token=SECRET",
    "pkcs11:object=o?pin-value=SECRET 2SECRET",
  ];
  for (const name of SERVE_SETTINGS) {
    const { stdout, stderr } = await callCli(["doctor", "--json"], {
      environment: { BRISTLECONE_DATA: data, [environmentName(name)]: /key$/i.test(name) ? uri : url },
    });
    expect([name, /.{30}SECRET/.exec(stdout + stderr)]).toEqual([name, null]);
  }
  const flags = ["--data", data, "--backup", url, "--export", uri];
  for (const args of [flags, ["--witness", url, "--key", uri]]) {
    const { stdout, stderr } = await callCli(["doctor", ...args]);
    expect(stdout + stderr).not.toContain("SECRET");
  }
  const { stdout } = await callCli(["doctor", "--data", data, "--key", uri]);
  expect(stdout).toMatch(/^FAIL +key-signs +--key pkcs11:object=o\?pin-value=…: pkcs11: want pin-source/m);
});
