import { join } from "node:path";
import { expect, it } from "vitest";
import { SERVE_SETTINGS } from "../../src/cli/serve.ts";
import { environmentName } from "../../src/settings.ts";
import { callCli, serveHere, temporaryDirectory } from "./harness.ts";

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
